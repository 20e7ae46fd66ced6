// The driver that runs the stages as processes of this machine.
//
// What is wanted lies in the state `wanted` of state_dir before a call is answered; one thread
// compares it with what runs and does the difference, one step at a time. So nothing has to be
// undone or remembered when the controller is killed: the next one finds the processes by their PID
// files (process.h) and goes on with the same comparison.
#ifndef SERVICES_CONTROLLER_LOCAL_DRIVER_H_
#define SERVICES_CONTROLLER_LOCAL_DRIVER_H_

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/base/unique_fd.h"
#include "common/service/log.h"
#include "common/service/state/state_file.h"
#include "mentat/config/v1/controller.pb.h"
#include "mentat/controller/state/v1/wanted_state.pb.h"
#include "services/controller/driver.h"
#include "services/controller/local_stage.h"

namespace mentat::controller {

class LocalDriver : public Driver {
 public:
  // FailedPrecondition if another controller uses the state folder, or its state cannot be read;
  // InvalidArgument for stages that cannot be told apart.
  static absl::StatusOr<std::unique_ptr<Driver>> Create(const config::v1::LocalDriverConfig& config,
                                                        const log::Logger& log,
                                                        prometheus::Registry& registry);
  ~LocalDriver() override;

  void Run(std::stop_token stop) override;
  Workloads List(const Names& stages) override;
  Workloads Start(const Names& stages) override;
  Workloads Stop(const Names& stages) override;
  Workloads Restart(const v1::Selection& selection) override;
  Workloads Scale(const std::string& stage, uint32_t instances) override;

 private:
  struct Metrics;
  using StageConfig = config::v1::LocalStageConfig;
  using WantedState = state::v1::WantedState;

  LocalDriver(const config::v1::LocalDriverConfig& config, log::Logger log, UniqueFd lock,
              UniqueFd wake, UniqueFd watch, std::unique_ptr<service::StateFile> file,
              WantedState wanted);

  // --- calls ---
  // The stages with these names in the order of the configuration; all if there are none.
  absl::StatusOr<std::vector<const StageConfig*>> Find(const Names& names) const;
  // Makes the state durable and has it done; the workloads of the stages.
  Workloads Commit(WantedState wanted, const std::vector<const StageConfig*>& stages)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::Workload Describe(const StageConfig& stage) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t Instances(const WantedState& wanted, const StageConfig& stage) const;

  // --- Run's thread ---
  // Finds the processes that an earlier controller has left running.
  void TakeOver();
  void AdoptFile(const std::string& name, const std::string& path);
  // Does what can be done now. `end` wants no processes at all.
  void Step(bool end);
  LocalStage::Target TargetOf(const LocalStage& stage, const WantedState& wanted, bool end) const;
  // Until a process ends, something is told, or it is time for something.
  void Wait();
  void Publish();

  const config::v1::LocalDriverConfig config_;
  const log::Logger log_;
  const UniqueFd lock_;                             // of the state folder
  const UniqueFd wake_;                             // eventfd
  const UniqueFd watch_;                            // inotify of the ports files
  const std::unique_ptr<service::StateFile> file_;  // of wanted_

  // In the order of the configuration, then those that are not configured any more. Run's thread
  // only.
  std::vector<std::unique_ptr<LocalStage>> stages_;
  std::unique_ptr<Metrics> metrics_;

  mutable Mutex mutex_;
  WantedState wanted_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::Workload> seen_ ABSL_GUARDED_BY(mutex_);  // by stage
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_LOCAL_DRIVER_H_
