#include "tools/mentatctl/judge.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::InstanceStatus;
using controller::v1::StageStatus;

Severity Judge(const StageStatus& stage) {
  const auto& instances = stage.instances();
  const bool any_ready = std::any_of(instances.begin(), instances.end(), IsReady);
  Severity worst = Severity::kCritical;  // without an instance
  bool counted = false;
  for (const InstanceStatus& instance : instances) {
    if (instance.reachability() == controller::v1::REACHABILITY_GONE) continue;
    Severity severity = Severity::kWarning;
    if (IsReady(instance)) {
      severity = Severity::kOk;
    } else if (instance.reachability() != controller::v1::REACHABILITY_ANSWERED ||
               (instance.status().state() == stage::v1::STATE_NOT_READY && !any_ready)) {
      severity = Severity::kCritical;
    }
    worst = counted ? std::max(worst, severity) : severity;
    counted = true;
  }
  return stage.error().empty() ? worst : std::max(worst, Severity::kWarning);
}

}  // namespace

const char* SeverityName(Severity severity) {
  constexpr const char* kNames[] = {"ok", "warning", "critical"};
  return kNames[static_cast<int>(severity)];
}

Severity Judge(const controller::v1::GetStatusResponse& response) {
  Severity worst = Severity::kOk;
  for (const StageStatus& stage : response.stages()) worst = std::max(worst, Judge(stage));
  return worst;
}

std::string StateText(const InstanceStatus& instance) {
  switch (instance.reachability()) {
    case controller::v1::REACHABILITY_ANSWERED: {
      std::string name = stage::v1::State_Name(instance.status().state());
      name.erase(0, std::string_view("STATE_").size());
      return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", " "}});
    }
    case controller::v1::REACHABILITY_UNREACHABLE:
      return "unreachable";
    case controller::v1::REACHABILITY_GONE:
      return "gone";
    default:
      return "unknown";
  }
}

bool IsReady(const InstanceStatus& instance) {
  return instance.reachability() == controller::v1::REACHABILITY_ANSWERED &&
         instance.status().state() == stage::v1::STATE_READY;
}

std::string InstanceName(const InstanceStatus& instance) {
  return instance.status().instance().empty() ? instance.address() : instance.status().instance();
}

std::string Reason(const InstanceStatus& instance) {
  if (!instance.error().empty()) return instance.error();
  return instance.status().not_ready_reason();
}

std::string Summary(const controller::v1::GetStatusResponse& response) {
  int instances = 0;
  int ready = 0;
  std::string others;
  const auto add = [&others](const std::string& name, const std::string& what) {
    absl::StrAppend(&others, others.empty() ? ": " : ", ", name, " ", what);
  };
  for (const StageStatus& stage : response.stages()) {
    if (stage.instances().empty()) add(stage.name(), "has no instance");
    for (const InstanceStatus& instance : stage.instances()) {
      if (instance.reachability() == controller::v1::REACHABILITY_GONE) continue;
      ++instances;
      if (IsReady(instance)) {
        ++ready;
      } else {
        add(InstanceName(instance), StateText(instance));
      }
    }
  }
  return absl::StrCat(ready, " of ", instances, instances == 1 ? " instance" : " instances",
                      " ready", others);
}

}  // namespace mentat::mentatctl
