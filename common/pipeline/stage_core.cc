#include "common/pipeline/stage_core.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace mentat::pipeline {
namespace {

constexpr char kDefaultOutput[] = "default";
// More of a reason helps nobody.
constexpr size_t kMaxMessageBytes = 4096;

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// Ties one sender to the stage.
class StageCore::OutputEffects : public Sender::Effects {
 public:
  OutputEffects(StageCore* core, std::string output) : core_(core), output_(std::move(output)) {}

  bool Send(PeerId peer, const v1::Batch& batch) override {
    return core_->effects_->SendBatch(output_, peer, batch);
  }
  bool Send(PeerId peer, const v1::Control& control) override {
    return core_->effects_->SendControl(output_, peer, control);
  }
  void Settled(Ticket ticket, v1::EventOutcome::Kind kind,
               const v1::DeadLetter* dead_letter) override {
    core_->SettleBranch(ticket, kind, dead_letter);
  }
  void Condemned(Ticket ticket, v1::DeadLetter* dead_letter) override {
    dead_letter->set_time(NowMicros());
    if (EventState* event = core_->Find(ticket)) event->book = Book::kRejected;
    core_->effects_->Rejected(*dead_letter);
  }

 private:
  StageCore* const core_;
  const std::string output_;
};

StageCore::StageCore(Options options, Effects* effects)
    : options_(std::move(options)), effects_(effects) {
  if (options_.receiver)
    receiver_.emplace(*options_.receiver, static_cast<Receiver::Effects*>(this));
  for (const auto& [name, output] : options_.outputs) {
    OutputState& state = outputs_[name];
    state.effects = std::make_unique<OutputEffects>(this, name);
    state.sender = std::make_unique<Sender>(output.sender, state.effects.get());
    state.best_effort = output.best_effort;
  }
}

StageCore::~StageCore() = default;

void StageCore::SendAck(const std::string& ack_endpoint, const v1::Ack& ack) {
  effects_->SendAck(ack_endpoint, ack);
}

void StageCore::Forget(const std::string& ack_endpoint) { effects_->Forget(ack_endpoint); }

// --- Events on their way in
// -----------------------------------------------------------------------

void StageCore::Submit(std::vector<SourceEvent> events, SettledCallback settled, Instant now) {
  if (events.empty()) {
    settled({});
    return;
  }
  const uint64_t id = next_group_++;
  Group& group = groups_[id];
  group.events.resize(events.size());
  group.open = events.size();
  group.settled = std::move(settled);
  group.since = now;
  ledger_.received += events.size();
  ledger_.in_flight += events.size();
  for (uint32_t i = 0; i < events.size(); ++i) {
    v1::Item item;
    item.set_event(std::move(events[i].event));
    item.set_received_at(events[i].received_at);
    if (events[i].is_dead_letter) {
      group.events[i].book = Book::kRejected;
      *item.mutable_dead_letter() = std::move(events[i].dead_letter);
    }
    group.events[i].open = 1;
    Route(kDefaultOutput, std::move(item), {id, i}, std::nullopt);
  }
  SubmitGathered(now);
}

void StageCore::OnBatch(v1::Batch batch, Instant now) {
  const uint64_t before = receiver_->counters().events;
  receiver_->OnBatch(std::move(batch), now);
  const uint64_t accepted = receiver_->counters().events - before;
  ledger_.received += accepted;
  ledger_.in_flight += accepted;
}

void StageCore::OnControl(const v1::Control& control, Instant now) {
  receiver_->OnControl(control, now);
}

void StageCore::OnAck(const v1::Ack& ack, Instant now) {
  for (auto& [name, output] : outputs_) output.sender->OnAck(ack, now);
}

std::unique_ptr<Job> StageCore::NextJob(uint32_t max_events, Instant now) {
  if (!receiver_) return nullptr;
  while (receiver_->has_work()) {
    const uint64_t held = receiver_->held_events();
    const uint64_t returned = receiver_->counters().returned_events;
    std::vector<Receiver::Work> works = receiver_->Begin(max_events, now);
    const uint64_t expired = receiver_->counters().returned_events - returned;
    ledger_.retried += expired;
    ledger_.in_flight -= expired;
    if (works.empty()) {
      if (receiver_->held_events() == held) return nullptr;
      continue;  // only batches past their deadline
    }
    auto job = std::make_unique<Job>();
    job->keeps_dead_letters = options_.process_dead_letters;
    for (Receiver::Work& work : works) {
      const uint64_t id = next_group_++;
      Group& group = groups_[id];
      group.events.resize(work.items.size());
      group.open = work.items.size();
      group.serial = work.serial;
      job->serials.push_back(work.serial);
      group.since = now;
      for (uint32_t i = 0; i < work.items.size(); ++i) group.events[i].open = 1;
      for (uint32_t i = 0; i < work.items.size(); ++i) {
        v1::Item& item = work.items[i];
        const v1::DeadLetter* dead_letter = nullptr;
        if (item.has_dead_letter()) {
          if (!options_.process_dead_letters) {
            PassDeadLetter(std::move(item), {id, i}, work.deadline);
            continue;
          }
          dead_letter = &job->dead_letters.emplace_back(std::move(*item.mutable_dead_letter()));
        }
        job->items.emplace_back(std::move(*item.mutable_event()), item.received_at(), dead_letter,
                                job->arena.get());
        job->tickets.push_back({id, i});
        job->deadlines.push_back(work.deadline);
      }
    }
    SubmitGathered(now);
    if (!job->items.empty()) return job;
    receiver_->Finished(job->serials, now);
  }
  return nullptr;
}

// --- What became of them
// --------------------------------------------------------------------------

void StageCore::FinishJob(std::unique_ptr<Job> job, Instant now) {
  for (size_t i = 0; i < job->items.size(); ++i) {
    Item& item = job->items[i];
    const Ticket ticket = job->tickets[i];
    EventState& event = *Find(ticket);
    for (const Item::Copy& copy : item.copies()) {
      if (!outputs_.contains(copy.output)) continue;  // the rule loader refuses such rules
      ++event.open;
      v1::Item branch;
      branch.set_event(copy.event);
      branch.set_received_at(item.received_at());
      Route(copy.output, std::move(branch), ticket, job->deadlines[i]);
    }
    switch (item.verdict()) {
      case Item::Verdict::kForward:
      case Item::Verdict::kDispatch: {
        const bool dispatched = item.verdict() == Item::Verdict::kDispatch;
        const std::string output = dispatched ? item.dispatch_output() : kDefaultOutput;
        if (!dispatched && outputs_.empty()) {
          event.book = Book::kStored;
          SettleBranch(ticket, v1::EventOutcome::KIND_STORED, nullptr);
          break;
        }
        if (!outputs_.contains(output)) {
          item.Reject(v1::REASON_FAILED, "no output named " + output);
          RejectEvent(item, std::move(job->wires[i]), ticket, job->deadlines[i]);
          break;
        }
        v1::Item next;
        next.set_event(std::move(job->wires[i]));
        next.set_received_at(item.received_at());
        Route(output, std::move(next), ticket, job->deadlines[i]);
        break;
      }
      case Item::Verdict::kDrop:
        event.book = Book::kDropped;
        SettleBranch(ticket, v1::EventOutcome::KIND_DROPPED, nullptr);
        break;
      case Item::Verdict::kReject:
        RejectEvent(item, std::move(job->wires[i]), ticket, job->deadlines[i]);
        break;
      case Item::Verdict::kStored:
      case Item::Verdict::kDuplicate:
        event.book = Book::kStored;
        if (item.dead_letter() != nullptr) {
          SettleBranch(ticket, v1::EventOutcome::KIND_DEAD_LETTER, item.dead_letter());
        } else {
          SettleBranch(ticket,
                       item.verdict() == Item::Verdict::kStored ? v1::EventOutcome::KIND_STORED
                                                                : v1::EventOutcome::KIND_DUPLICATE,
                       nullptr);
        }
        break;
      case Item::Verdict::kRetry:
        SettleBranch(ticket, v1::EventOutcome::KIND_RETRY, nullptr);
        break;
    }
  }
  receiver_->Finished(job->serials, now);
  SubmitGathered(now);
}

// A dead letter begins: it goes on to where dead letters are kept, or, at the end, back as it is.
void StageCore::RejectEvent(Item& item, std::string wire, Ticket ticket,
                            std::optional<Instant> deadline) {
  v1::Item next;
  next.set_event(std::move(wire));
  next.set_received_at(item.received_at());
  *next.mutable_dead_letter() = MakeDeadLetter(item.reason(), item.message());
  effects_->Rejected(next.dead_letter());
  PassDeadLetter(std::move(next), ticket, deadline);
  if (EventState* event = Find(ticket)) event->book = Book::kRejected;
}

v1::DeadLetter StageCore::MakeDeadLetter(v1::Reason reason, std::string_view message) const {
  v1::DeadLetter dead_letter;
  dead_letter.set_reason(reason);
  dead_letter.set_stage(options_.name);
  dead_letter.set_instance(options_.instance);
  size_t size = std::min(message.size(), kMaxMessageBytes);
  // Not in the middle of a character.
  while (size < message.size() && size > 0 && (message[size] & 0xC0) == 0x80) --size;
  dead_letter.set_message(std::string(message.substr(0, size)));
  dead_letter.set_time(NowMicros());
  return dead_letter;
}

void StageCore::PassDeadLetter(v1::Item item, Ticket ticket, std::optional<Instant> deadline) {
  if (outputs_.contains(kDefaultOutput)) {
    Route(kDefaultOutput, std::move(item), ticket, deadline);
    return;
  }
  if (EventState* event = Find(ticket)) event->book = Book::kRejected;
  SettleBranch(ticket, v1::EventOutcome::KIND_DEAD_LETTER, &item.dead_letter());
}

void StageCore::Route(const std::string& output, v1::Item item, Ticket ticket,
                      std::optional<Instant> deadline) {
  OutputState& state = outputs_.at(output);
  const uint64_t bytes = ItemBytes(item);
  if (bytes > options_.max_event_bytes + 2 * kMaxMessageBytes) {
    // No peer would take it: the source has to keep it.
    const v1::DeadLetter dead_letter = MakeDeadLetter(
        v1::REASON_TOO_LARGE, std::to_string(bytes) + " bytes on the wire, the limit is " +
                                  std::to_string(options_.max_event_bytes));
    effects_->Rejected(dead_letter);
    if (EventState* event = Find(ticket)) event->book = Book::kRejected;
    SettleBranch(ticket, v1::EventOutcome::KIND_DEAD_LETTER, &dead_letter);
    return;
  }
  if (state.best_effort) {
    // Settled here and now: whatever becomes of it cannot hold up the others.
    const bool room =
        state.sender->usable_peers() > 0 &&
        state.sender->queued_events() < options_.outputs.at(output).sender.window_events;
    if (room) {
      state.gathered.push_back({std::move(item), Ticket(), deadline});
    } else {
      ++given_up_events_;
    }
    SettleBranch(ticket, v1::EventOutcome::KIND_DROPPED, nullptr);
    return;
  }
  state.gathered.push_back({std::move(item), ticket, deadline});
}

void StageCore::SubmitGathered(Instant now) {
  for (auto& [name, output] : outputs_) {
    if (!output.gathered.empty()) output.sender->Submit(std::exchange(output.gathered, {}), now);
  }
}

StageCore::EventState* StageCore::Find(Ticket ticket) {
  const auto it = groups_.find(ticket.group);
  return it == groups_.end() ? nullptr : &it->second.events[ticket.index];
}

void StageCore::SettleBranch(Ticket ticket, v1::EventOutcome::Kind kind,
                             const v1::DeadLetter* dead_letter) {
  const auto it = groups_.find(ticket.group);
  if (it == groups_.end()) return;  // a best-effort branch
  Group& group = it->second;
  EventState& event = group.events[ticket.index];
  if (Severity(kind) > Severity(event.outcome.kind)) {
    event.outcome.kind = kind;
    if (dead_letter != nullptr) event.outcome.dead_letter = *dead_letter;
  }
  if (--event.open > 0) return;
  --ledger_.in_flight;
  if (event.outcome.kind == v1::EventOutcome::KIND_RETRY) {
    ++ledger_.retried;
  } else {
    switch (event.book) {
      case Book::kForwarded:
        ++ledger_.forwarded;
        break;
      case Book::kDropped:
        ++ledger_.dropped;
        break;
      case Book::kRejected:
        ++ledger_.rejected;
        break;
      case Book::kStored:
        ++ledger_.stored;
        break;
    }
  }
  if (--group.open == 0) CloseGroup(ticket.group, group);
}

void StageCore::CloseGroup(uint64_t id, Group& group) {
  Group closed = std::move(group);
  groups_.erase(id);
  std::vector<Outcome> outcomes;
  outcomes.reserve(closed.events.size());
  for (EventState& event : closed.events) outcomes.push_back(std::move(event.outcome));
  if (closed.settled) {
    closed.settled(std::move(outcomes));
  } else {
    receiver_->Settle(closed.serial, outcomes);
  }
}

// --- Time and state
// -------------------------------------------------------------------------------

void StageCore::Close(bool closed, bool returning) {
  if (receiver_) receiver_->Close(closed, returning);
}

void StageCore::Tick(Instant now) {
  for (auto& [name, output] : outputs_) output.sender->Tick(now);
  if (!receiver_) return;
  const uint64_t held = receiver_->held_events();
  receiver_->Tick(now);
  // An isolated batch that was abandoned was never begun.
  const uint64_t abandoned = held - receiver_->held_events();
  ledger_.retried += abandoned;
  ledger_.in_flight -= abandoned;
}

void StageCore::Flush() {
  if (receiver_) receiver_->Flush();
}

bool StageCore::idle() const {
  if (!groups_.empty() || (receiver_ && receiver_->held_batches() > 0)) return false;
  return std::all_of(outputs_.begin(), outputs_.end(), [](const auto& output) {
    return output.second.best_effort || output.second.sender->unsettled_events() == 0;
  });
}

std::optional<Instant> StageCore::oldest() const {
  std::optional<Instant> oldest = receiver_ ? receiver_->oldest() : std::nullopt;
  if (!receiver_) {
    for (const auto& [id, group] : groups_) {
      if (!oldest || group.since < *oldest) oldest = group.since;
    }
  }
  return oldest;
}

}  // namespace mentat::pipeline
