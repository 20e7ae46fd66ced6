// Keeps a log line that hostile or odd events can cause from filling the disk.
#ifndef SERVICES_INSPECTOR_LOG_LIMIT_H_
#define SERVICES_INSPECTOR_LOG_LIMIT_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace mentat::inspector {

// Lets `kBurst` lines through in each period of `kPeriod`. Thread-safe.
class LogLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr uint64_t kBurst = 10;
  static constexpr Clock::duration kPeriod = std::chrono::seconds(10);

  // How many lines have been held back since the last one that was let through, if this one may go.
  std::optional<uint64_t> Admit(Clock::time_point now = Clock::now()) {
    int64_t began = began_.load(std::memory_order_relaxed);
    const int64_t ticks = now.time_since_epoch().count();
    if (ticks - began >= kPeriod.count() &&
        began_.compare_exchange_strong(began, ticks, std::memory_order_relaxed)) {
      written_.store(0, std::memory_order_relaxed);
    }
    if (written_.fetch_add(1, std::memory_order_relaxed) >= kBurst) {
      held_back_.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    return held_back_.exchange(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<int64_t> began_ = Clock::duration::min().count() / 2;
  std::atomic<uint64_t> written_ = 0;
  std::atomic<uint64_t> held_back_ = 0;
};

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_LOG_LIMIT_H_
