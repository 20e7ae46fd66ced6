// What the inspector counts.
#ifndef SERVICES_INSPECTOR_METRICS_H_
#define SERVICES_INSPECTOR_METRICS_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"

namespace prometheus {
class Counter;
class Gauge;
class Registry;
}  // namespace prometheus

namespace mentat::inspector {

// What became of an action.
enum class ActionResult {
  kDone,
  kUnchanged,  // the value was there already, or the expression had none
  kSkipped,    // the event had been dropped or dispatched before
  kFailed,
};
inline constexpr size_t kActionKinds = 7;    // as in Action::what
inline constexpr size_t kActionResults = 4;  // as in ActionResult

// The counters of one rule.
struct RuleCounters {
  prometheus::Counter* matches;
  prometheus::Counter* errors;  // of its condition and of its actions
};

// Thread-safe; the registry outlives it.
class Metrics {
 public:
  // Rules beyond this number of names share the name `other`, over the life of the process.
  static constexpr size_t kMaxRuleNames = 500;

  explicit Metrics(prometheus::Registry& registry);

  RuleCounters ForRule(const std::string& name);
  prometheus::Counter& ForAction(size_t kind, ActionResult result) {
    return *actions_[kind][static_cast<size_t>(result)];
  }

  prometheus::Counter& inspected;  // events that went through all rules
  prometheus::Counter& fallbacks;  // events that no rule matched
  prometheus::Counter& loaded;     // sets taken into use
  prometheus::Counter& refused;    // sets refused
  prometheus::Gauge& rules;        // enabled rules in use
  prometheus::Gauge& loaded_time;  // when the set in use was loaded, Unix time in seconds

 private:
  prometheus::Registry& registry_;
  std::array<std::array<prometheus::Counter*, kActionResults>, kActionKinds> actions_;
  absl::Mutex mutex_;
  absl::flat_hash_set<std::string> names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_METRICS_H_
