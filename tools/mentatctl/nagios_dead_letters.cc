#include "tools/mentatctl/nagios_dead_letters.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "tools/mentatctl/exit_status.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::DeadLetterGroup;

constexpr size_t kNamedGroups = 3;

// `: 10 refused at storage, 2 failed at inspector (rule x)`
std::string GroupsText(const controller::v1::CountDeadLettersResponse& counts) {
  std::vector<const DeadLetterGroup*> groups;
  for (const DeadLetterGroup& group : counts.groups()) groups.push_back(&group);
  std::stable_sort(groups.begin(), groups.end(), [](const auto* one, const auto* other) {
    return one->count() > other->count();
  });
  std::string text;
  for (size_t i = 0; i < std::min(groups.size(), kNamedGroups); ++i) {
    absl::StrAppend(&text, i == 0 ? ": " : ", ", groups[i]->count(), " ", groups[i]->reason(),
                    " at ", groups[i]->stage());
    if (!groups[i]->rule().empty()) absl::StrAppend(&text, " (rule ", groups[i]->rule(), ")");
  }
  if (groups.size() > kNamedGroups) absl::StrAppend(&text, ", others");
  return text;
}

}  // namespace

absl::StatusOr<DeadLetterRanges> DeadLetterRanges::Parse(const std::string& warning,
                                                         const std::string& critical) {
  DeadLetterRanges ranges;
  if (!warning.empty()) {
    ASSIGN_OR_RETURN(ranges.warning, Range::Parse(warning));
  }
  if (!critical.empty()) {
    ASSIGN_OR_RETURN(ranges.critical, Range::Parse(critical));
  }
  return ranges;
}

NagiosResult MakeNagiosResult(const controller::v1::CountDeadLettersResponse& counts,
                              const DeadLetterRanges& ranges) {
  const Metric metric{"dead_letters", static_cast<double>(counts.total()), ""};
  const Range* warning = ranges.warning ? &*ranges.warning : nullptr;
  const Range* critical = ranges.critical ? &*ranges.critical : nullptr;
  int status = kExitOk;
  std::string range;
  if (critical != nullptr && critical->Alerts(metric.value)) {
    status = kExitCritical;
    range = absl::StrCat(" (critical ", critical->text(), ")");
  } else if (warning != nullptr && warning->Alerts(metric.value)) {
    status = kExitWarning;
    range = absl::StrCat(" (warning ", warning->text(), ")");
  }
  return MakeNagiosResult(status,
                          absl::StrCat(counts.total(), " dead letter",
                                       counts.total() == 1 ? "" : "s", range, GroupsText(counts)),
                          " " + PerformanceData(metric, warning, critical));
}

}  // namespace mentat::mentatctl
