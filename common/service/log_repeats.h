// Which log records are held back because the like of them was written often enough a moment ago.
#ifndef COMMON_SERVICE_LOG_REPEATS_H_
#define COMMON_SERVICE_LOG_REPEATS_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/base/mutex.h"
#include "common/service/log.h"

namespace mentat::log {

// Of the records that have level, module, key and message in common, `records` are written in each
// period; 0 is without limit.
struct RepeatLimit {
  uint32_t records = 0;
  std::chrono::milliseconds period{10'000};
};

// Thread-safe.
class Repeats {
 public:
  using Clock = std::chrono::steady_clock;
  // Kinds that are told apart; what comes above it shares one.
  static constexpr size_t kMaxKinds = 1024;

  struct Kind {
    Level level = Level::kInfo;
    const Module* module = nullptr;
    std::string_view key;
    std::string_view message;
  };

  // Records that were held back, and no record has told of them.
  struct Held {
    Level level = Level::kInfo;
    const Module* module = nullptr;
    std::string message;
    uint64_t count = 0;
  };

  explicit Repeats(RepeatLimit limit) : limit_(limit) {}

  // If a record may be written: how many like it were held back since the last one. Else nothing.
  std::optional<uint64_t> Admit(const Kind& kind, Clock::time_point now);
  // What was held back in periods that are over (in all of them, if `all`). Forgets these periods,
  // so that it is to be called now and then.
  std::vector<Held> Collect(Clock::time_point now, bool all);

 private:
  struct Period {
    Clock::time_point began;
    uint32_t written = 0;
    uint64_t held_back = 0;
  };
  using Key = std::tuple<Level, const Module*, std::string, std::string>;
  using KeyView = std::tuple<Level, const Module*, std::string_view, std::string_view>;
  // Finds a key by its view.
  struct Less {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return KeyView(a) < KeyView(b);
    }
  };

  const RepeatLimit limit_;
  Mutex mutex_;
  std::map<Key, Period, Less> periods_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::log

#endif  // COMMON_SERVICE_LOG_REPEATS_H_
