#include "services/controller/driver.h"

#include <utility>

#include "common/base/status_macros.h"
#include "services/controller/kubernetes_driver.h"
#include "services/controller/local_driver.h"

namespace mentat::controller {

absl::StatusOr<std::unique_ptr<Driver>> MakeDriver(const config::v1::DriverConfig& config,
                                                   const log::Logger& log,
                                                   prometheus::Registry& registry) {
  if (config.has_local() && config.has_kubernetes()) {
    return absl::InvalidArgumentError("driver: expected local or kubernetes, not both");
  }
  if (config.has_kubernetes()) return KubernetesDriver::Create(config.kubernetes(), log);
  if (config.has_local()) return LocalDriver::Create(config.local(), log, registry);
  return std::unique_ptr<Driver>();
}

}  // namespace mentat::controller
