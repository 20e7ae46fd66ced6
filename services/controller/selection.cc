#include "services/controller/selection.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mentat::controller {
namespace {

// A controller takes part only where it is named: who drains everything does not mean the one that
// is asked to do it.
constexpr char kController[] = "controller";

std::string WhyNobody(const v1::GetStatusResponse& known, const std::string& name) {
  std::vector<std::string> stages;
  for (const v1::StageStatus& stage : known.stages()) {
    stages.push_back(stage.name());
    if (stage.name() != name) continue;
    return absl::StrCat("the stage ", name, " has no instance",
                        stage.error().empty() ? "" : ": " + stage.error());
  }
  return absl::StrCat("no stage or instance is called ", name, "; the controller knows the stages ",
                      absl::StrJoin(stages, ", "));
}

}  // namespace

absl::StatusOr<std::vector<Target>> Select(const v1::GetStatusResponse& known,
                                           const v1::Selection& selection) {
  const std::set<std::string> stages(selection.stages().begin(), selection.stages().end());
  const std::set<std::string> instances(selection.instances().begin(), selection.instances().end());
  const bool all = stages.empty() && instances.empty();
  std::set<std::string> missing(selection.stages().begin(), selection.stages().end());
  missing.insert(instances.begin(), instances.end());
  std::vector<Target> targets;
  for (const v1::StageStatus& stage : known.stages()) {
    for (const v1::InstanceStatus& instance : stage.instances()) {
      if (instance.reachability() == v1::REACHABILITY_GONE) continue;
      const std::string& name = instance.status().instance();
      const bool named = stages.contains(stage.name()) || instances.contains(name) ||
                         instances.contains(instance.address());
      if (!named && !(all && stage.name() != kController)) continue;
      if (stages.contains(stage.name())) missing.erase(stage.name());
      if (instances.contains(name)) missing.erase(name);
      if (instances.contains(instance.address())) missing.erase(instance.address());
      targets.push_back({stage.name(), name, instance.address()});
    }
  }
  if (!missing.empty()) return absl::NotFoundError(WhyNobody(known, *missing.begin()));
  if (targets.empty()) return absl::NotFoundError("the controller knows no instance");
  return targets;
}

v1::InstanceResult MakeResult(const Target& target, const grpc::Status& status) {
  v1::InstanceResult result;
  result.set_stage(target.stage);
  result.set_instance(target.instance);
  result.set_address(target.address);
  result.set_code(status.error_code());
  result.set_error(status.error_message());
  return result;
}

}  // namespace mentat::controller
