// Lets others look at events as they leave a stage, without ever making the stage wait.
//
// Nothing is done while nobody listens. While somebody does, a bounded number of events and bytes a
// second is copied, evenly from what passes, into a bounded buffer of each listener; a listener
// that is slow or too many events mean that more are passed over, and that is counted.
#ifndef COMMON_PIPELINE_TAP_H_
#define COMMON_PIPELINE_TAP_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/pipeline/batch.h"
#include "common/pipeline/item.h"

namespace mentat::pipeline {

// Thread-safe. Listeners must end before the tap.
class Tap {
 public:
  static constexpr int kMaxListeners = 4;
  static constexpr uint64_t kEventsPerSecond = 5000;
  static constexpr uint64_t kBytesPerSecond = 16 << 20;
  static constexpr size_t kBufferEvents = 2000;
  static constexpr size_t kBufferBytes = 4 << 20;

  enum class Fate { kForwarded, kDropped, kRejected, kStored, kRetried };

  struct Event {
    std::string wire;         // as it leaves the stage, serialised
    int64_t received_at = 0;  // microseconds since 1970-01-01T00:00:00Z
    Fate fate = Fate::kForwarded;
  };

  // One who listens, from its making to its end. One thread.
  class Listener {
   public:
    explicit Listener(Tap* tap);
    ~Listener();

    // What has come since the last call; waits for it, `time` at the most.
    std::vector<std::shared_ptr<const Event>> Take(std::chrono::milliseconds time);
    // How many events have passed the stage since the beginning, copied or not.
    uint64_t passed() const { return tap_->passed_ - before_; }

   private:
    friend class Tap;
    Tap* const tap_;
    const uint64_t before_;
    CondVar changed_;
    // Guarded by the tap's mutex.
    std::vector<std::shared_ptr<const Event>> events_;
    size_t bytes_ = 0;
  };

  // Null if there are kMaxListeners.
  std::unique_ptr<Listener> Listen();

  bool listened() const { return listening_.load(std::memory_order_relaxed); }
  // Call these only if listened(). Items with their verdicts; `forwards` if the stage has outputs.
  void Offer(std::span<const Item> items, bool forwards);
  // What a source hands over.
  void Offer(const BatchView& batch);

 private:
  struct Allowance {
    uint64_t events = 0;
    uint64_t bytes = 0;
  };

  // What may be copied of so many events.
  Allowance Admit(uint64_t events);
  void Hand(std::vector<std::shared_ptr<const Event>> events);

  std::atomic<bool> listening_ = false;
  std::atomic<uint64_t> passed_ = 0;
  Mutex mutex_;
  std::set<Listener*> listeners_ ABSL_GUARDED_BY(mutex_);
  // What may be copied now, filled up as time passes.
  double events_left_ ABSL_GUARDED_BY(mutex_) = 0;
  double bytes_left_ ABSL_GUARDED_BY(mutex_) = 0;
  std::chrono::steady_clock::time_point filled_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_TAP_H_
