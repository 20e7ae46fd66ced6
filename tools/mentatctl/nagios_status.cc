#include "tools/mentatctl/nagios_status.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/judge.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::InstanceStatus;
using controller::v1::StageStatus;

// The metrics of a stage; what its instances hold is not known where none of them answers.
std::vector<Metric> Measure(const StageStatus& stage) {
  double oldest = 0;
  double rate = 0;
  uint64_t in_flight = 0;
  uint64_t rejected = 0;
  uint64_t ready = 0;
  bool has_events = false;
  for (const InstanceStatus& instance : stage.instances()) {
    if (IsReady(instance)) ++ready;
    const bool answered = instance.reachability() == controller::v1::REACHABILITY_ANSWERED;
    if (!answered || !instance.status().has_ledger()) continue;
    has_events = true;
    oldest = std::max(oldest, Seconds(instance.status().oldest_event_age()));
    rate += instance.status().received_per_second();
    in_flight += instance.status().ledger().in_flight();
    rejected += instance.status().ledger().rejected();
  }
  const std::string prefix = stage.name() + ".";
  std::vector<Metric> metrics;
  if (has_events) {
    metrics = {{prefix + "queue_age", oldest, "s"},
               {prefix + "in_flight", static_cast<double>(in_flight), ""},
               {prefix + "rate", rate, ""},
               {prefix + "rejected", static_cast<double>(rejected), "c"}};
  }
  metrics.push_back({prefix + "ready", static_cast<double>(ready), ""});
  return metrics;
}

}  // namespace

const std::vector<std::string>& NagiosMetrics() {
  static const auto& metrics =
      *new std::vector<std::string>{"queue_age", "in_flight", "rate", "rejected", "ready"};
  return metrics;
}

NagiosResult MakeNagiosResult(const controller::v1::GetStatusResponse& response,
                              const Thresholds& warning, const Thresholds& critical) {
  int worst = static_cast<int>(Judge(response));
  std::string alerts;
  std::string data;
  for (const StageStatus& stage : response.stages()) {
    for (const Metric& metric : Measure(stage)) {
      const Range* warn = warning.Find(metric.name);
      const Range* crit = critical.Find(metric.name);
      absl::StrAppend(&data, " ", PerformanceData(metric, warn, crit));
      const bool is_critical = crit != nullptr && crit->Alerts(metric.value);
      if (!is_critical && (warn == nullptr || !warn->Alerts(metric.value))) continue;
      worst = std::max(worst, is_critical ? kExitCritical : kExitWarning);
      absl::StrAppend(&alerts, metric.name, " is ", std::round(metric.value * 10) / 10,
                      metric.unit == "s" ? " s" : "", " (", is_critical ? "critical" : "warning",
                      " ", is_critical ? crit->text() : warn->text(), "), ");
    }
  }
  return MakeNagiosResult(worst, alerts + Summary(response), data);
}

}  // namespace mentat::mentatctl
