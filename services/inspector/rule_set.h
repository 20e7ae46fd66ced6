// A set of rules in use: looks at events and does what the rules say. docs/rules.md describes in
// which order, and what a rule sees of the ones before it.
#ifndef SERVICES_INSPECTOR_RULE_SET_H_
#define SERVICES_INSPECTOR_RULE_SET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/filter/filter_set.h"
#include "common/pipeline/item.h"
#include "common/service/log.h"
#include "services/inspector/metrics.h"
#include "services/inspector/rule.h"

namespace mentat::inspector {

// What becomes of an event on which a rule fails.
enum class OnError {
  kSkip,    // as if the rule had not matched, or the action were not there
  kReject,  // it becomes a dead letter
};

// What one rule has done since the process began.
struct RuleStatus {
  std::string name;
  uint64_t matches = 0;
  uint64_t errors = 0;
};

// Its rules never change; may be used by many threads at once.
class RuleSet {
 public:
  // `metrics` outlives the set.
  RuleSet(Rules rules, OnError on_error, Metrics& metrics, log::Logger log);
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  // Gives each item its verdict. The items can be parsed.
  void Inspect(std::span<pipeline::Item> items) const;
  void Inspect(pipeline::Item& item) const { Inspect({&item, 1}); }

  size_t size() const { return rules_.rules.size(); }
  const std::vector<Rule>& rules() const { return rules_.rules; }
  // In the order of the rules.
  std::vector<RuleStatus> Status() const;

 private:
  // A rule, or the fallback, with what belongs to it while it is in use.
  struct Entry {
    std::string name;
    const std::vector<Action>* actions;
    std::vector<size_t> changes;  // of each action: the number of what it writes to in conditions_
    RuleCounters counters;
    log::Logger log;  // one rule does not hold back the lines of another
  };

  using Evaluation = filter::FilterSet::Evaluation;

  Entry MakeEntry(const std::string& name, const std::vector<Action>& actions) const;
  // Compiles the conditions together; tells the entries what their actions change.
  filter::FilterSet MakeConditions();
  std::unique_ptr<Evaluation> TakeEvaluation() const;
  void Inspect(pipeline::Item& item, Evaluation& evaluation) const;
  // Whether the inspection goes on.
  bool Run(const Entry& entry, pipeline::Item& item, Evaluation& evaluation) const;
  absl::StatusOr<ActionResult> Apply(const Entry& entry, size_t index, pipeline::Item& item) const;
  // Counts and tells of a failure; whether the inspection goes on.
  bool Survive(const Entry& entry, const absl::Status& error, pipeline::Item& item) const;

  const Rules rules_;
  const OnError on_error_;
  Metrics& metrics_;
  const log::Logger log_;
  std::vector<Entry> entries_;  // one for each rule
  Entry fallback_;
  const filter::FilterSet conditions_;
  mutable absl::Mutex mutex_;
  // Those that no thread uses at the moment.
  mutable std::vector<std::unique_ptr<Evaluation>> evaluations_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_RULE_SET_H_
