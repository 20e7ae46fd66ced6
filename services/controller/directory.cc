#include "services/controller/directory.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/host_port.h"
#include "common/service/ports_file.h"

namespace mentat::controller {
namespace {

constexpr size_t kMaxPortsFiles = 1000;

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

// Ports files by service. One that cannot be read belongs to a service that starts or ends just
// now.
std::map<std::string, std::vector<std::string>> ReadPortsFolder(const std::string& folder) {
  std::map<std::string, std::vector<std::string>> found;
  std::error_code error;
  size_t count = 0;
  for (std::filesystem::directory_iterator entries(folder, error);
       !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (entries->path().extension() != ".json" || ++count > kMaxPortsFiles) continue;
    const auto ports = service::ReadPortsFile(entries->path());
    if (ports.ok() && !ports->service.empty()) found[ports->service].push_back(ports->admin);
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
  for (auto& [service, addresses] : ReadPortsFolder(config.ports_dir())) {
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
