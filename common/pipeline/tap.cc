#include "common/pipeline/tap.h"

#include <algorithm>
#include <utility>

namespace mentat::pipeline {
namespace {

using std::chrono::steady_clock;

// What may be copied at once after a quiet time, as a part of what may be in a second.
constexpr double kBurstSeconds = 0.1;

Tap::Fate FateOf(const Item& item, bool forwards) {
  switch (item.verdict()) {
    case Item::Verdict::kForward:
      return forwards ? Tap::Fate::kForwarded : Tap::Fate::kStored;
    case Item::Verdict::kDispatch:
      return Tap::Fate::kForwarded;
    case Item::Verdict::kDrop:
      return Tap::Fate::kDropped;
    case Item::Verdict::kReject:
      return Tap::Fate::kRejected;
    case Item::Verdict::kStored:
    case Item::Verdict::kDuplicate:
      return Tap::Fate::kStored;
    case Item::Verdict::kRetry:
      return Tap::Fate::kRetried;
  }
  return Tap::Fate::kForwarded;
}

}  // namespace

Tap::Listener::Listener(Tap* tap) : tap_(tap), before_(tap->passed_) {}

Tap::Listener::~Listener() {
  const MutexLock lock(tap_->mutex_);
  tap_->listeners_.erase(this);
  tap_->listening_ = !tap_->listeners_.empty();
}

std::vector<std::shared_ptr<const Tap::Event>> Tap::Listener::Take(std::chrono::milliseconds time) {
  const MutexLock lock(tap_->mutex_);
  changed_.WaitFor(tap_->mutex_, time, [this] { return !events_.empty(); });
  bytes_ = 0;
  return std::exchange(events_, {});
}

std::unique_ptr<Tap::Listener> Tap::Listen() {
  const MutexLock lock(mutex_);
  if (listeners_.size() >= kMaxListeners) return nullptr;
  auto listener = std::make_unique<Listener>(this);
  listeners_.insert(listener.get());
  listening_ = true;
  return listener;
}

Tap::Allowance Tap::Admit(uint64_t events) {
  passed_ += events;
  const MutexLock lock(mutex_);
  const steady_clock::time_point now = steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - filled_).count();
  filled_ = now;
  events_left_ =
      std::min(events_left_ + seconds * kEventsPerSecond, kBurstSeconds * kEventsPerSecond);
  bytes_left_ = std::min(bytes_left_ + seconds * kBytesPerSecond, kBurstSeconds * kBytesPerSecond);
  size_t room = 0;
  for (const Listener* listener : listeners_) {
    if (listener->bytes_ >= kBufferBytes) continue;
    room = std::max(room, kBufferEvents - std::min(kBufferEvents, listener->events_.size()));
  }
  const Allowance allowance = {
      std::min({events, static_cast<uint64_t>(events_left_), uint64_t{room}}),
      static_cast<uint64_t>(std::max(0.0, bytes_left_))};
  events_left_ -= static_cast<double>(allowance.events);
  return allowance;
}

void Tap::Hand(std::vector<std::shared_ptr<const Event>> events) {
  if (events.empty()) return;
  const MutexLock lock(mutex_);
  for (const std::shared_ptr<const Event>& event : events) {
    bytes_left_ -= static_cast<double>(event->wire.size());
    for (Listener* listener : listeners_) {
      if (listener->events_.size() >= kBufferEvents || listener->bytes_ >= kBufferBytes) continue;
      listener->bytes_ += event->wire.size();
      listener->events_.push_back(event);
    }
  }
  for (Listener* listener : listeners_) listener->changed_.NotifyOne();
}

void Tap::Offer(std::span<const Item> items, bool forwards) {
  if (items.empty()) return;
  const Allowance allowance = Admit(items.size());
  std::vector<std::shared_ptr<const Event>> events;
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < allowance.events; ++i) {
    const Item& item = items[i * items.size() / allowance.events];
    bytes += item.wire().size();
    if (item.dead_letter() != nullptr || item.heartbeat() || bytes > allowance.bytes) continue;
    events.push_back(std::make_shared<Event>(
        Event{item.TakeWire(), item.received_at(), FateOf(item, forwards)}));
  }
  Hand(std::move(events));
}

void Tap::Offer(const BatchView& batch) {
  if (batch.items.empty()) return;
  const Allowance allowance = Admit(batch.items.size());
  std::vector<std::shared_ptr<const Event>> events;
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < allowance.events; ++i) {
    const ItemView& item = batch.items[i * batch.items.size() / allowance.events];
    bytes += item.event.size();
    if (item.dead_letter != nullptr || item.IsHeartbeat() || bytes > allowance.bytes) continue;
    events.push_back(std::make_shared<Event>(
        Event{std::string(item.event), item.received_at, Fate::kForwarded}));
  }
  Hand(std::move(events));
}

}  // namespace mentat::pipeline
