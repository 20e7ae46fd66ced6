// The driver that scales and restarts the workloads of a Kubernetes cluster.
//
// What is wanted lies in the workloads themselves, and each call changes a workload with one
// request: nothing is left half done when the controller is killed.
#ifndef SERVICES_CONTROLLER_KUBERNETES_DRIVER_H_
#define SERVICES_CONTROLLER_KUBERNETES_DRIVER_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/service/log.h"
#include "mentat/config/v1/controller.pb.h"
#include "services/controller/driver.h"
#include "services/controller/kubernetes_api.h"

namespace mentat::controller {

class KubernetesDriver : public Driver {
 public:
  // FailedPrecondition if the process is in no pod and nothing else is configured.
  static absl::StatusOr<std::unique_ptr<Driver>> Create(
      const config::v1::KubernetesDriverConfig& config, const log::Logger& log);

  // There is nothing to do between the calls.
  void Run(std::stop_token stop) override;
  Workloads List(const Names& stages) override;
  Workloads Start(const Names& stages) override;
  Workloads Stop(const Names& stages) override;
  // Stages only.
  Workloads Restart(const v1::Selection& selection) override;
  Workloads Scale(const std::string& stage, uint32_t instances) override;

 private:
  using StageConfig = config::v1::KubernetesStageConfig;
  // The patch that changes a workload as it is; null if it is right already.
  using MakePatch = std::function<nlohmann::json(const nlohmann::json& workload)>;

  KubernetesDriver(const config::v1::KubernetesDriverConfig& config, std::stop_source ended,
                   KubernetesApi api, log::Logger log)
      : config_(config), ended_(std::move(ended)), api_(std::move(api)), log_(std::move(log)) {}

  absl::StatusOr<std::vector<const StageConfig*>> Find(const Names& names) const;
  std::string Path(const StageConfig& stage) const;
  // Patches the workloads one after the other, unless somebody has changed them in between: then
  // what is there is looked at again. The first error ends it and names the stage.
  Workloads Change(const Names& names, const MakePatch& make_patch);
  absl::StatusOr<v1::Workload> ChangeOne(const StageConfig& stage, const MakePatch& make_patch);

  const config::v1::KubernetesDriverConfig config_;
  std::stop_source ended_;  // of the API's retries
  const KubernetesApi api_;
  const log::Logger log_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_KUBERNETES_DRIVER_H_
