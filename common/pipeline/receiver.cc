#include "common/pipeline/receiver.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mentat::pipeline {
namespace {

// Larger outcomes are not remembered: their batches are worked on again if they come again.
constexpr size_t kMaxRememberedBytes = 64 << 10;

void AddExceptions(const Outcomes& outcomes, v1::BatchOutcome* to) {
  for (uint32_t i = 0; i < outcomes.size(); ++i) {
    const v1::DeadLetter* const dead_letter = outcomes.dead_letter(i);
    if (outcomes.kind(i) == to->kind() && dead_letter == nullptr) continue;
    v1::EventOutcome& exception = *to->add_exceptions();
    exception.set_index(i);
    exception.set_kind(outcomes.kind(i));
    if (dead_letter != nullptr) *exception.mutable_dead_letter() = *dead_letter;
  }
}

v1::BatchRef Ref(uint64_t id, uint32_t attempt) {
  v1::BatchRef ref;
  ref.set_id(id);
  ref.set_attempt(attempt);
  return ref;
}

}  // namespace

Receiver::Receiver(Options options, Effects* effects)
    : options_(std::move(options)), effects_(effects) {}

// The sender with this epoch, made known if it is new; null if there are too many.
Receiver::Remote* Receiver::Meet(uint64_t epoch, const std::string& ack_endpoint, Instant now) {
  auto it = remotes_.find(epoch);
  if (it == remotes_.end()) {
    if (remotes_.size() >= options_.max_senders || ack_endpoint.empty()) return nullptr;
    it = remotes_.emplace(epoch, Remote()).first;
    it->second.kept_alive = now;
    it->second.ack_endpoint = ack_endpoint;
  }
  Remote& remote = it->second;
  remote.seen = now;
  return &remote;
}

void Receiver::OnBatch(BatchView batch, Instant now) {
  const BatchHeader header = batch.header;
  if (batch.items.empty() || header.attempt == 0 ||
      batch.items.size() > options_.max_batch_events) {
    ++counters_.refused_batches;
    return;
  }
  Remote* remote = Meet(header.epoch, std::string(header.ack_endpoint), now);
  if (remote == nullptr) {
    ++counters_.refused_batches;
    return;
  }
  if (const auto it = remote->held.find(header.id); it != remote->held.end()) {
    Held& held = held_.at(it->second);
    ++counters_.repeated_batches;
    held.attempt = std::max(held.attempt, header.attempt);
    if (header.isolated && !held.isolated && held.state == State::kQueued) {
      // What the sender suspects by now must not run beside others.
      std::erase(queue_, it->second);
      held.isolated = true;
      isolated_.push_back(it->second);
    }
    if (header.isolated && !held.isolated) held.in_company = true;
    *remote->pending.add_held() = Ref(header.id, held.attempt);
    if (Begun(held)) *remote->pending.add_begun() = Ref(header.id, held.attempt);
    remote->dirty = true;
    return;
  }
  if (const auto it = remote->remembered.find(header.id); it != remote->remembered.end()) {
    ++counters_.repeated_batches;
    v1::BatchOutcome& outcome = *remote->pending.add_settled();
    outcome = it->second;
    outcome.set_attempt(header.attempt);
    remote->dirty = true;
    return;
  }
  if (returning_ || full()) {
    counters_.returned_events += batch.items.size();
    AnswerAll(*remote, header.id, header.attempt, v1::EventOutcome::KIND_RETRY);
    return;
  }

  const uint64_t serial = next_serial_++;
  Held& held = held_[serial];
  held.sender = header.epoch;
  held.id = header.id;
  held.attempt = header.attempt;
  held.isolated = header.isolated;
  held.events = batch.items.size();
  held.since = now;
  if (header.deadline_ms != 0) held.deadline = now + std::chrono::milliseconds(header.deadline_ms);
  held.bytes = batch.bytes;
  held.batch = std::move(batch);
  held.batch.header = {};  // the endpoint need not outlive the call
  held_events_ += held.events;
  held_bytes_ += held.bytes;
  ++counters_.batches;
  counters_.events += held.events;
  remote->held.emplace(held.id, serial);
  ages_.emplace(now, serial);
  (held.isolated ? isolated_ : queue_).push_back(serial);
}

void Receiver::OnControl(const v1::Control& control, Instant now) {
  const std::string& endpoint =
      control.has_hello() ? control.hello().ack_endpoint() : std::string();
  Remote* remote = Meet(control.epoch(), endpoint, now);
  if (remote == nullptr) return;
  if (control.has_hello()) {
    if (control.hello().ack_timeout_ms() > 0) {
      const Span quarter = std::chrono::milliseconds(control.hello().ack_timeout_ms()) / 4;
      remote->keep_alive =
          std::clamp<Span>(quarter, std::chrono::milliseconds(10), std::chrono::seconds(10));
    }
    // The answer comes after all that is settled, so that what it does not name is not here.
    remote->pending.set_nonce(control.hello().nonce());
    remote->pending.clear_held();
    ListHeld(*remote);
    remote->dirty = true;
    Flush();
  }
  if (control.has_release() && exclusive_ == Exclusive::kAwaitingRelease &&
      exclusive_sender_ == control.epoch() && exclusive_id_ == control.release().id()) {
    exclusive_ = Exclusive::kNone;
  }
  for (const v1::BatchRef& ref : control.go()) {
    const auto it = remote->held.find(ref.id());
    if (it != remote->held.end() && exclusive_ == Exclusive::kAwaitingGo &&
        exclusive_serial_ == it->second) {
      exclusive_ = Exclusive::kMayRun;
    }
  }
}

std::vector<Receiver::Work> Receiver::Begin(uint32_t max_events, Instant now) {
  std::vector<Work> works;
  const auto take = [&](uint64_t serial) {
    Held& held = held_.at(serial);
    held.state = State::kBegun;
    works.push_back({serial, std::exchange(held.batch, {}), held.deadline});
  };
  if (exclusive_ == Exclusive::kMayRun) {
    exclusive_ = Exclusive::kRunning;
    take(exclusive_serial_);
    ++active_;
    return works;
  }
  if (exclusive_ != Exclusive::kNone) return works;
  if (!isolated_.empty() && !(ordinary_turn_ && !queue_.empty())) {
    if (active_ > 0) return works;
    exclusive_ = Exclusive::kAwaitingGo;
    exclusive_serial_ = isolated_.front();
    exclusive_since_ = now;
    isolated_.pop_front();
    Held& held = held_.at(exclusive_serial_);
    held.state = State::kReady;
    exclusive_sender_ = held.sender;
    exclusive_id_ = held.id;
    Remote& remote = remotes_.at(held.sender);
    *remote.pending.add_begun() = Ref(held.id, held.attempt);
    remote.dirty = true;
    return works;
  }
  ordinary_turn_ = false;
  uint32_t events = 0;
  while (!queue_.empty()) {
    const uint64_t serial = queue_.front();
    Held& held = held_.at(serial);
    if (events > 0 && events + held.events > max_events) break;
    queue_.pop_front();
    Remote& remote = remotes_.at(held.sender);
    if (held.deadline && *held.deadline <= now) {
      counters_.returned_events += held.events;
      AnswerAll(remote, held.id, held.attempt, v1::EventOutcome::KIND_RETRY);
      Drop(serial);
      continue;
    }
    events += held.events;
    *remote.pending.add_begun() = Ref(held.id, held.attempt);
    remote.dirty = true;
    take(serial);
  }
  if (!works.empty()) ++active_;
  return works;
}

void Receiver::Finished(const std::vector<uint64_t>& serials, Instant now) {
  for (const uint64_t serial : serials) {
    const auto it = held_.find(serial);
    if (it == held_.end()) continue;
    it->second.state = State::kFinished;
    Remote& remote = remotes_.at(it->second.sender);
    *remote.pending.add_finished() = Ref(it->second.id, it->second.attempt);
    remote.dirty = true;
  }
  --active_;
  if (exclusive_ == Exclusive::kRunning) {
    ordinary_turn_ = true;
    const auto remote = remotes_.find(exclusive_sender_);
    if (remote == remotes_.end()) {
      exclusive_ = Exclusive::kNone;
    } else {
      exclusive_ = Exclusive::kAwaitingRelease;
      exclusive_since_ = now;
      *remote->second.pending.mutable_released() = Ref(exclusive_id_, 0);
      remote->second.dirty = true;
    }
  }
}

void Receiver::Settle(uint64_t serial, const Outcomes& outcomes) {
  const auto it = held_.find(serial);
  if (it == held_.end()) return;
  const Held& held = it->second;
  v1::BatchOutcome outcome;
  outcome.set_id(held.id);
  outcome.set_attempt(held.attempt);
  // The commonest outcome is said once.
  std::array<uint32_t, v1::EventOutcome::Kind_ARRAYSIZE> counts = {};
  for (size_t i = 0; i < outcomes.size(); ++i) ++counts[outcomes.kind(i)];
  counters_.returned_events += counts[v1::EventOutcome::KIND_RETRY];
  const uint32_t dead_letters = std::exchange(counts[v1::EventOutcome::KIND_DEAD_LETTER], 0);
  const auto commonest = std::max_element(counts.begin(), counts.end());
  outcome.set_kind(*commonest == 0 ? v1::EventOutcome::KIND_DEAD_LETTER
                                   : static_cast<v1::EventOutcome::Kind>(
                                         std::distance(counts.begin(), commonest)));
  if (dead_letters > 0 || *commonest < outcomes.size()) AddExceptions(outcomes, &outcome);
  Remote& remote = remotes_.at(held.sender);
  *remote.pending.add_settled() = outcome;
  remote.dirty = true;
  // What is given back will come under another id.
  Remember(remote, std::move(outcome));
  Drop(serial);
}

void Receiver::AnswerAll(Remote& remote, uint64_t id, uint32_t attempt,
                         v1::EventOutcome::Kind kind) {
  v1::BatchOutcome& outcome = *remote.pending.add_settled();
  outcome.set_id(id);
  outcome.set_attempt(attempt);
  outcome.set_kind(kind);
  remote.dirty = true;
}

void Receiver::Remember(Remote& remote, v1::BatchOutcome outcome) {
  if (outcome.ByteSizeLong() > kMaxRememberedBytes) return;
  const uint64_t id = outcome.id();
  if (remote.remembered.emplace(id, std::move(outcome)).second) {
    remote.remembered_order.push_back(id);
  }
  while (remote.remembered_order.size() > options_.remembered) {
    remote.remembered.erase(remote.remembered_order.front());
    remote.remembered_order.pop_front();
  }
}

void Receiver::Drop(uint64_t serial) {
  const auto it = held_.find(serial);
  const Held& held = it->second;
  held_events_ -= held.events;
  held_bytes_ -= held.bytes;
  ages_.erase({held.since, serial});
  remotes_.at(held.sender).held.erase(held.id);
  held_.erase(it);
}

void Receiver::ListHeld(Remote& remote) {
  for (const auto& [id, serial] : remote.held) {
    const Held& held = held_.at(serial);
    *remote.pending.add_held() = Ref(id, held.attempt);
    if (Begun(held)) *remote.pending.add_begun() = Ref(id, held.attempt);
  }
}

// Several senders may share an endpoint: the outputs of one stage do.
void Receiver::ForgetEndpoint(const std::string& endpoint) {
  for (const auto& [epoch, remote] : remotes_) {
    if (remote.ack_endpoint == endpoint) return;
  }
  effects_->Forget(endpoint);
}

void Receiver::Tick(Instant now) {
  if (exclusive_ == Exclusive::kAwaitingGo && now - exclusive_since_ > options_.go_wait) {
    // Its sender is gone or has changed its mind; if not, it will send the batch again.
    ++counters_.abandoned_batches;
    const Held& held = held_.at(exclusive_serial_);
    AnswerAll(remotes_.at(held.sender), held.id, held.attempt, v1::EventOutcome::KIND_RETRY);
    Drop(exclusive_serial_);
    exclusive_ = Exclusive::kNone;
  }
  if (exclusive_ == Exclusive::kAwaitingRelease && now - exclusive_since_ > options_.go_wait) {
    exclusive_ = Exclusive::kNone;
  }
  for (auto it = remotes_.begin(); it != remotes_.end();) {
    Remote& remote = it->second;
    if (remote.held.empty() && now - remote.seen > options_.forget_sender) {
      const std::string endpoint = remote.ack_endpoint;
      it = remotes_.erase(it);
      ForgetEndpoint(endpoint);
      continue;
    }
    if (!remote.held.empty() && now - remote.kept_alive >= remote.keep_alive) {
      remote.kept_alive = now;
      ListHeld(remote);
      remote.dirty = true;
    }
    ++it;
  }
  Flush();
}

void Receiver::Flush() {
  for (auto& [epoch, remote] : remotes_) {
    if (!remote.dirty) continue;
    remote.dirty = false;
    remote.pending.set_epoch(epoch);
    remote.pending.set_receiver_epoch(options_.epoch);
    remote.pending.set_closed(closed_);
    effects_->SendAck(remote.ack_endpoint, remote.pending);
    remote.pending.Clear();
  }
}

void Receiver::Close(bool closed, bool returning) {
  closed_ = closed;
  returning_ = returning;
  for (auto& [epoch, remote] : remotes_) remote.dirty = true;
  Flush();
}

std::optional<Instant> Receiver::oldest() const {
  if (ages_.empty()) return std::nullopt;
  return ages_.begin()->first;
}

std::vector<Receiver::HeldView> Receiver::Oldest(size_t limit) const {
  std::vector<HeldView> views;
  for (const auto& [since, serial] : ages_) {
    if (views.size() >= limit) break;
    const Held& held = held_.at(serial);
    views.push_back({.serial = serial,
                     .epoch = held.sender,
                     .id = held.id,
                     .attempt = held.attempt,
                     .events = held.events,
                     .bytes = held.bytes,
                     .since = since,
                     .ack_endpoint = remotes_.at(held.sender).ack_endpoint,
                     .begun = held.state != State::kQueued,
                     .isolated = held.isolated});
  }
  return views;
}

}  // namespace mentat::pipeline
