#include "tools/mentatctl/stage_command.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::mentatctl {
namespace {

struct Target {
  std::string name;
  std::string address;
};

absl::StatusOr<std::vector<Target>> FindTargets(const Connection& connection,
                                                const std::string& target) {
  if (target.find(':') != std::string::npos) return std::vector<Target>{{target, target}};
  ASSIGN_OR_RETURN(const controller::v1::GetStatusResponse status, FetchStatus(connection));
  std::vector<Target> found;
  std::string names;
  for (const controller::v1::StageStatus& stage : status.stages()) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", stage.name());
    for (const controller::v1::InstanceStatus& instance : stage.instances()) {
      if (instance.reachability() == controller::v1::REACHABILITY_GONE) continue;
      const std::string& name = instance.status().instance();
      if (stage.name() == target || name == target) {
        found.push_back({name.empty() ? instance.address() : name, instance.address()});
      }
    }
  }
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat("no stage or instance is called ", target,
                                            "; the controller knows the stages ", names));
  }
  return found;
}

}  // namespace

int StageCommand(const Connection& connection, const std::string& target, StageAction action,
                 const std::string& level, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<std::vector<Target>> targets = FindTargets(connection, target);
  if (!targets.ok()) {
    err << "mentatctl: " << targets.status().message() << "\n";
    return 2;
  }
  int exit_status = 0;
  for (const Target& each : *targets) {
    const absl::Status status = CallStage(connection, each.address, action, level);
    if (status.ok()) {
      out << each.name << ": done\n";
    } else {
      err << each.name << ": " << status.message() << "\n";
      exit_status = 1;
    }
  }
  return exit_status;
}

}  // namespace mentat::mentatctl
