#include "services/controller/directory.h"

#include <algorithm>
#include <map>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/host_port.h"
#include "common/service/ports_file.h"

namespace mentat::controller {
namespace {

void AddOnce(std::vector<std::string> addresses, KnownStage& stage) {
  for (std::string& address : addresses) {
    if (std::find(stage.addresses.begin(), stage.addresses.end(), address) ==
        stage.addresses.end()) {
      stage.addresses.push_back(std::move(address));
    }
  }
}

void AddError(const std::string& error, KnownStage& stage) {
  absl::StrAppend(&stage.error, stage.error.empty() ? "" : "; ", error);
}

absl::StatusOr<std::vector<std::string>> Resolve(const std::string& address) {
  ASSIGN_OR_RETURN(const service::HostPort host_port, service::ParseHostPort(address));
  return service::ResolveAll(host_port);
}

// Admin addresses by service, as the ports files of a folder tell them.
std::map<std::string, std::vector<std::string>> ReadPorts(const std::string& folder) {
  std::map<std::string, std::vector<std::string>> found;
  for (const service::Ports& ports :
       service::ReadPortsFolder(folder).value_or(std::vector<service::Ports>())) {
    if (!ports.service.empty()) found[ports.service].push_back(ports.admin);
  }
  for (auto& [service, addresses] : found) std::sort(addresses.begin(), addresses.end());
  return found;
}

}  // namespace

std::vector<KnownStage> FindStages(const config::v1::ControllerConfig& config) {
  std::vector<KnownStage> stages;
  for (const config::v1::ControlledStageConfig& configured : config.stages()) {
    KnownStage& stage = stages.emplace_back();
    stage.name = configured.name();
    for (const std::string& address : configured.addresses()) {
      auto resolved = Resolve(address);
      if (resolved.ok()) {
        AddOnce(*std::move(resolved), stage);
      } else {
        AddError(std::string(resolved.status().message()), stage);
      }
    }
  }
  if (config.ports_dir().empty()) return stages;
  for (auto& [service, addresses] : ReadPorts(config.ports_dir())) {
    const auto found =
        std::find_if(stages.begin(), stages.end(),
                     [&name = service](const auto& stage) { return stage.name == name; });
    KnownStage& stage =
        found != stages.end() ? *found : stages.emplace_back(KnownStage{service, {}, {}});
    AddOnce(std::move(addresses), stage);
  }
  return stages;
}

}  // namespace mentat::controller
