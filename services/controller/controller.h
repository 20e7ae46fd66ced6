// The controller: one place that knows all stages of the installation and their instances.
#ifndef SERVICES_CONTROLLER_CONTROLLER_H_
#define SERVICES_CONTROLLER_CONTROLLER_H_

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/service/access/admin_client.h"
#include "common/service/access/audit_file.h"
#include "common/service/service.h"
#include "common/store/pool.h"
#include "mentat/config/v1/controller.pb.h"
#include "services/controller/clients.h"
#include "services/controller/dead_letter_calls.h"
#include "services/controller/driver.h"
#include "services/controller/instance_calls.h"
#include "services/controller/job_calls.h"
#include "services/controller/outbox_calls.h"
#include "services/controller/poller.h"
#include "services/controller/reload_store.h"
#include "services/controller/reloads.h"
#include "services/controller/replays.h"
#include "services/controller/rpc.h"
#include "services/controller/status_calls.h"
#include "services/controller/streams.h"
#include "services/controller/tail_calls.h"
#include "services/controller/targets.h"
#include "services/controller/workload_calls.h"

namespace mentat::controller {

// Thread-safe.
class Controller : public service::Service {
 public:
  using Config = config::v1::ControllerConfig;
  static constexpr std::string_view kName = "controller";

  static absl::StatusOr<std::unique_ptr<service::Service>> Create(const Config& config,
                                                                  service::Context& context);
  absl::Status Run(std::stop_token stop) override;
  // Stages that cannot take replayed events are what the controller is there to see to.
  bool NeedsPipeline() const override { return false; }
  std::map<std::string, std::string> Details() const override;
  std::vector<grpc::Service*> GrpcServices() override;
  service::AuditSink* Audit() override { return audit_.get(); }

 private:
  // What is made before the controller is.
  struct Parts {
    std::unique_ptr<Driver> driver;
    std::unique_ptr<ReloadStore> store;
    std::unique_ptr<service::AdminClient> admin_client;
    std::unique_ptr<service::AuditFile> audit;
    std::unique_ptr<Targets> targets;
  };
  Controller(const Config& config, service::Context& context, Parts parts);

  Clients clients_;
  std::unique_ptr<service::AuditFile> audit_;
  Streams streams_;
  Poller poller_;
  StatusCalls status_calls_;
  InstanceCalls instance_calls_;
  TailCalls tail_calls_;
  Reloads reloads_;
  const std::unique_ptr<Driver> driver_;  // null if none is configured
  WorkloadCalls workload_calls_;
  const std::unique_ptr<Targets> targets_;   // null if no file is configured
  const std::unique_ptr<store::Pool> pool_;  // null if no database is configured
  const std::unique_ptr<Replays> replays_;   // likewise
  DeadLetterCalls dead_letter_calls_;
  JobCalls job_calls_;
  OutboxCalls outbox_calls_;
  Rpc rpc_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_CONTROLLER_H_
