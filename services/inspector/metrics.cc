#include "services/inspector/metrics.h"

#include "common/service/metrics.h"

namespace mentat::inspector {
namespace {

using service::AddCounter;
using service::AddGauge;

constexpr std::array<const char*, kActionKinds> kActionNames = {
    "tag", "set", "unset", "drop", "dispatch", "duplicate", "log"};
constexpr std::array<const char*, kActionResults> kResultNames = {"done", "unchanged", "skipped",
                                                                  "failed"};

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : inspected(AddCounter(registry, "mentat_inspector_events_total", "Events inspected.")),
      fallbacks(
          AddCounter(registry, "mentat_inspector_fallbacks_total", "Events that no rule matched.")),
      loaded(AddCounter(registry, "mentat_inspector_rule_loads_total",
                        "Sets of rules read, taken into use or refused.", {{"result", "ok"}})),
      refused(AddCounter(registry, "mentat_inspector_rule_loads_total",
                         "Sets of rules read, taken into use or refused.",
                         {{"result", "refused"}})),
      rules(AddGauge(registry, "mentat_inspector_rules", "Enabled rules in use.")),
      loaded_time(AddGauge(registry, "mentat_inspector_rules_loaded_timestamp_seconds",
                           "When the rules in use were read.")),
      registry_(registry) {
  for (size_t kind = 0; kind < kActionKinds; ++kind) {
    for (size_t result = 0; result < kActionResults; ++result) {
      actions_[kind][result] =
          &AddCounter(registry, "mentat_inspector_actions_total", "Actions of rules that matched.",
                      {{"action", kActionNames[kind]}, {"result", kResultNames[result]}});
    }
  }
}

RuleCounters Metrics::ForRule(const std::string& name) {
  std::string label = name;
  {
    absl::MutexLock lock(&mutex_);
    if (!names_.contains(name)) {
      if (names_.size() < kMaxRuleNames) {
        names_.insert(name);
      } else {
        label = "other";
      }
    }
  }
  return {&AddCounter(registry_, "mentat_inspector_rule_matches_total",
                      "Events that a rule matched.", {{"rule", label}}),
          &AddCounter(registry_, "mentat_inspector_rule_errors_total",
                      "Failures of a rule's condition or actions.", {{"rule", label}})};
}

}  // namespace mentat::inspector
