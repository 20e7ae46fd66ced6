#include "tools/mentatctl/targets.h"

#include <algorithm>
#include <set>

#include "common/base/status_macros.h"

namespace mentat::mentatctl {
namespace {

// Who cannot be reached within it is not there: an instance can be called without the controller.
constexpr absl::Duration kListTimeout = absl::Seconds(5);

bool IsAddress(const std::string& name) { return name.find(':') != std::string::npos; }

}  // namespace

bool Targets::OnlyAddresses() const {
  return !names.empty() && stages.empty() && std::all_of(names.begin(), names.end(), IsAddress) &&
         std::all_of(instances.begin(), instances.end(), IsAddress);
}

std::vector<Argument> TargetArguments(Targets& targets, bool with_all) {
  std::vector<Argument> arguments = {
      {.name = "TARGET",
       .value = &targets.names,
       .help = "a stage, an instance, or the admin address of an instance as host:port",
       .completes = Completes::kTargets},
      {.name = "--stage",
       .value = &targets.stages,
       .help = "the instances of this stage; may be repeated",
       .placeholder = "NAME",
       .completes = Completes::kStages},
      {.name = "--instance",
       .value = &targets.instances,
       .help = "this instance, where its stage is called the same; may be repeated",
       .placeholder = "NAME",
       .completes = Completes::kTargets}};
  if (with_all) {
    arguments.push_back(
        {.name = "--all", .value = &targets.all, .help = "all instances but controllers"});
  }
  return arguments;
}

absl::Status CheckGiven(const Targets& targets) {
  if (!targets.empty() || targets.all) return absl::OkStatus();
  return absl::InvalidArgumentError("a TARGET is missing; --all is for all");
}

absl::StatusOr<controller::v1::Selection> ToSelection(const Client& controller,
                                                      const Targets& targets) {
  controller::v1::Selection selection;
  for (const std::string& stage : targets.stages) selection.add_stages(stage);
  for (const std::string& instance : targets.instances) selection.add_instances(instance);
  if (targets.names.empty()) return selection;
  controller::v1::ListStagesResponse known;
  RETURN_IF_ERROR(controller.Call(controller::v1::ListStagesRequest(), &known, kListTimeout));
  std::set<std::string> stages;
  for (const controller::v1::Stage& stage : known.stages()) stages.insert(stage.name());
  for (const std::string& name : targets.names) {
    stages.contains(name) ? selection.add_stages(name) : selection.add_instances(name);
  }
  return selection;
}

}  // namespace mentat::mentatctl
