#include "common/pipeline/stage_core.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace mentat::pipeline {
namespace {

constexpr char kDefaultOutput[] = "default";
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

  bool Send(PeerId peer, const BatchHeader& header, Body& body) override {
    return core_->effects_->SendBatch(output_, peer, header, body);
  }
  bool Send(PeerId peer, const v1::Control& control) override {
    return core_->effects_->SendControl(output_, peer, control);
  }
  void Settled(const Tickets& tickets, v1::EventOutcome::Kind kind,
               const v1::DeadLetter* dead_letter) override {
    core_->Settle(tickets, kind, dead_letter);
  }
  void Condemned(const Tickets& ticket, uint64_t batch_id, std::string_view event,
                 v1::DeadLetter* dead_letter) override {
    dead_letter->set_time(NowMicros());
    const auto it = core_->groups_.find(ticket.group);
    if (it != core_->groups_.end()) {
      it->second.group.SetBook(ticket.first, Group::Book::kRejected);
    }
    const uint64_t epoch = core_->options_.outputs.at(output_).sender.epoch;
    core_->effects_->Rejected({*dead_letter, EventId(event), BatchName(epoch, batch_id)});
  }

 private:
  StageCore* const core_;
  const std::string output_;
};

StageCore::StageCore(Options options, Effects* effects)
    : options_(std::move(options)), effects_(effects) {
  if (options_.receiver)
    receiver_.emplace(*options_.receiver, static_cast<Receiver::Effects*>(this));
  routes_.stage = options_.name;
  routes_.instance = options_.instance;
  routes_.process_dead_letters = options_.process_dead_letters;
  routes_.parse_events = options_.parse_events;
  routes_.max_event_bytes = options_.max_event_bytes;
  routes_.max_batch_events = options_.max_batch_events;
  routes_.max_batch_bytes = options_.max_batch_bytes;
  for (const auto& [name, output] : options_.outputs) {
    routes_.outputs[name].best_effort = output.best_effort;
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

void StageCore::Submit(SourceBatch batch, SettledCallback settled, Instant now) {
  if (batch.size() == 0) {
    settled(Outcomes());
    return;
  }
  const uint64_t id = next_group_++;
  Entry entry{Group(batch.size()), std::move(settled), now};
  Group& group = entry.group;
  ledger_.received += batch.size();
  ledger_.in_flight += batch.size();
  Parcels parcels;
  if (batch.size() <= options_.max_batch_events && batch.bytes() <= options_.max_batch_bytes &&
      !routes_.outputs.at(kDefaultOutput).best_effort) {
    // It is a parcel already.
    for (uint32_t i = 0; i < batch.size(); ++i) group.Open(i);
    Parcel& parcel = parcels[kDefaultOutput].emplace_back();
    parcel.tickets = {{id, 0, batch.size()}};
    parcel.body = std::move(batch.body_);
  } else {
    Router router(routes_);
    const BatchView view = ViewOf(batch.body_);
    for (uint32_t i = 0; i < view.items.size(); ++i) {
      router.Send(view.items[i], {&group, id, i, std::nullopt}, kDefaultOutput);
    }
    for (const Rejection& rejection : router.rejected()) effects_->Rejected(rejection);
    parcels = router.TakeParcels();
  }
  for (const uint32_t index : batch.dead_letters_) group.SetBook(index, Group::Book::kRejected);
  Take(id, std::move(entry));
  Dispatch(std::move(parcels), now);
}

void StageCore::OnBatch(BatchView batch, Instant now) {
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
    job->routes = &routes_;
    for (Receiver::Work& work : works) {
      const auto events = static_cast<uint32_t>(work.batch.items.size());
      job->batches.push_back({work.serial, std::move(work.batch), work.deadline, Group(events)});
    }
    return job;
  }
  return nullptr;
}

// --- What became of them
// --------------------------------------------------------------------------

void StageCore::FinishJob(std::unique_ptr<Job> job, Instant now) {
  for (const Rejection& rejection : job->rejected) effects_->Rejected(rejection);
  std::vector<uint64_t> serials;
  for (Job::Batch& batch : job->batches) {
    serials.push_back(batch.serial);
    Take(batch.serial, {std::move(batch.group), nullptr, now});
  }
  receiver_->Finished(serials, now);
  Dispatch(std::move(job->parcels), now);
}

// Keeps a group until what came of its events is settled.
void StageCore::Take(uint64_t id, Entry entry) {
  entry.group.Decided(ledger_);
  if (entry.group.settled()) {
    Close(id, std::move(entry));
  } else {
    groups_.emplace(id, std::move(entry));
  }
}

void StageCore::Dispatch(Parcels parcels, Instant now) {
  for (auto& [name, list] : parcels) {
    OutputState& output = outputs_.find(name)->second;
    for (Parcel& parcel : list) {
      if (output.best_effort &&
          (output.sender->usable_peers() == 0 ||
           output.sender->queued_events() >= options_.outputs.at(name).sender.window_events)) {
        given_up_events_ += parcel.body.events();
        output.given_up_events += parcel.body.events();
        continue;
      }
      output.sender->Submit(std::move(parcel), now);
    }
  }
}

void StageCore::Settle(const Tickets& tickets, v1::EventOutcome::Kind kind,
                       const v1::DeadLetter* dead_letter) {
  const auto it = groups_.find(tickets.group);
  if (it == groups_.end()) return;  // a best-effort branch
  Group& group = it->second.group;
  group.Settle(tickets.first, tickets.count, kind, dead_letter, ledger_);
  if (!group.settled()) return;
  Entry entry = std::move(it->second);
  groups_.erase(it);
  Close(tickets.group, std::move(entry));
}

void StageCore::Close(uint64_t id, Entry entry) {
  if (entry.settled) {
    entry.settled(entry.group.TakeOutcomes());
  } else {
    receiver_->Settle(id, entry.group.TakeOutcomes());
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
    for (const auto& [id, entry] : groups_) {
      if (!oldest || entry.since < *oldest) oldest = entry.since;
    }
  }
  return oldest;
}

}  // namespace mentat::pipeline
