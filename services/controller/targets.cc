#include "services/controller/targets.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/pause.h"
#include "common/service/replace_file.h"
#include "nlohmann/json.hpp"

namespace mentat::controller {
namespace {

std::string ToText(const std::vector<service::Ports>& services) {
  nlohmann::ordered_json targets = nlohmann::ordered_json::array();
  for (const service::Ports& each : services) {
    targets.push_back({{"targets", {each.metrics}},
                       {"labels", {{"service", each.service}, {"instance", each.instance}}}});
  }
  return targets.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Targets::Targets(const config::v1::ControllerConfig& config, const std::string& instance,
                 log::Logger log)
    : config_(config), log_(std::move(log)) {
  const std::string& metrics = config.service().metrics_listen();
  if (metrics.ends_with(":0")) return;
  own_ = service::Ports{.service = "controller", .instance = instance, .metrics = metrics};
}

void Targets::Run(const std::stop_token& stop) {
  do {
    const absl::Status before = std::exchange(status_, Update());
    if (!status_.ok() && status_ != before) {
      log_.Error("Prometheus is not told of the services", {{"error", status_}});
    }
  } while (Pause(absl::Seconds(config_.poll_seconds()), stop));
}

absl::Status Targets::Update() {
  auto services = service::ReadPortsFolder(config_.ports_dir());
  if (!services.ok()) return absl::UnavailableError(services.status().message());
  std::erase_if(*services, [](const service::Ports& each) { return each.metrics.empty(); });
  if (own_.has_value()) services->push_back(*own_);
  std::sort(services->begin(), services->end(),
            [](const service::Ports& a, const service::Ports& b) {
              return std::tie(a.service, a.instance) < std::tie(b.service, b.instance);
            });
  const std::string text = ToText(*services);
  if (text == written_) return absl::OkStatus();
  const std::filesystem::path path = config_.targets_file();
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("targets_file: cannot make ",
                                               path.parent_path().string(), ": ", error.message()));
  }
  if (absl::Status status = service::ReplaceFiles({{path, &text}}); !status.ok()) {
    return absl::UnavailableError(absl::StrCat("targets_file: ", status.message()));
  }
  written_ = text;
  return absl::OkStatus();
}

}  // namespace mentat::controller
