#include "services/controller/controller.h"

#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "services/controller/local_stage.h"

namespace mentat::controller {
namespace {

// The instances that the local driver starts are found without further words.
Controller::Config WithDriversPorts(Controller::Config config) {
  if (config.driver().has_local() && config.ports_dir().empty()) {
    config.set_ports_dir(LocalFolders(config.driver().local().state_dir()).ports);
  }
  return config;
}

// Connections to the database that the controller has at the most, and how long a call waits for
// one.
constexpr size_t kConnections = 4;
constexpr absl::Duration kConnectionPatience = absl::Seconds(5);

std::unique_ptr<store::Pool> MakePool(const Controller::Config& config,
                                      const service::Context& context) {
  if (!config.has_database()) return nullptr;
  store::ConnectionOptions options;
  options.dsn = config.database().dsn();
  options.connect_timeout = absl::Seconds(config.database().connect_timeout_seconds());
  options.statement_timeout = absl::Seconds(config.database().statement_timeout_seconds());
  options.application_name = absl::StrCat("mentat ", context.instance);
  return std::make_unique<store::Pool>(std::move(options), kConnections, kConnectionPatience);
}

}  // namespace

absl::StatusOr<std::unique_ptr<service::Service>> Controller::Create(const Config& config,
                                                                     service::Context& context) {
  std::set<std::string> names;
  for (const config::v1::ControlledStageConfig& stage : config.stages()) {
    if (!names.insert(stage.name()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("stages: the stage ", stage.name(), " stands there twice"));
    }
  }
  if (config.pipeline().has_input()) {
    return absl::InvalidArgumentError("pipeline.input: the controller takes no events");
  }
  if (config.has_pipeline() && !config.pipeline().outputs().contains("default")) {
    return absl::InvalidArgumentError("pipeline.outputs: the output `default` is missing");
  }
  Parts parts;
  ASSIGN_OR_RETURN(parts.driver,
                   MakeDriver(config.driver(), context.log.ForModule("driver"), *context.registry));
  if (!config.state_dir().empty()) {
    ASSIGN_OR_RETURN(parts.store, ReloadStore::Open(config.state_dir(), config.kept_reloads(),
                                                    context.log.ForModule("reloads")));
  }
  auto admin_client = service::AdminClient::Create(config.stage_client());
  if (!admin_client.ok()) {
    return absl::Status(admin_client.status().code(),
                        absl::StrCat("stage_client.", admin_client.status().message()));
  }
  parts.admin_client = *std::move(admin_client);
  absl::StatusOr<std::unique_ptr<service::AuditFile>> audit = service::AuditFile::Open(
      {.path = config.audit_file(), .log = context.log.ForModule("audit")});
  if (!audit.ok()) {
    return absl::Status(audit.status().code(),
                        absl::StrCat("audit_file: ", audit.status().message()));
  }
  parts.audit = *std::move(audit);
  const Config complete = WithDriversPorts(config);
  if (!config.targets_file().empty()) {
    if (complete.ports_dir().empty()) {
      return absl::InvalidArgumentError("targets_file: needs ports_dir");
    }
    parts.targets =
        std::make_unique<Targets>(complete, context.instance, context.log.ForModule("controller"));
  }
  return std::unique_ptr<service::Service>(new Controller(complete, context, std::move(parts)));
}

Controller::Controller(const Config& config, service::Context& context, Parts parts)
    : clients_(std::move(parts.admin_client), context.log.ForModule("controller")),
      audit_(std::move(parts.audit)),
      poller_(config, clients_, context.log.ForModule("controller")),
      status_calls_(poller_, streams_),
      instance_calls_(poller_, clients_, absl::Seconds(config.call_timeout_seconds())),
      tail_calls_(poller_, clients_, streams_),
      reloads_(poller_, clients_, std::move(parts.store),
               {.call_timeout = absl::Seconds(config.call_timeout_seconds()),
                .reload_timeout = absl::Seconds(config.reload_timeout_seconds())},
               *context.registry, context.log.ForModule("reloads")),
      driver_(std::move(parts.driver)),
      workload_calls_(driver_.get()),
      targets_(std::move(parts.targets)),
      pool_(MakePool(config, context)),
      replays_(pool_ == nullptr ? nullptr : std::make_unique<Replays>(*pool_, context, streams_)),
      dead_letter_calls_(pool_.get(), replays_.get()),
      job_calls_(pool_.get()),
      outbox_calls_(pool_.get()),
      rpc_({.status = status_calls_,
            .instances = instance_calls_,
            .tail = tail_calls_,
            .reloads = reloads_,
            .audit = *audit_,
            .gate = *context.gate,
            .workloads = workload_calls_,
            .dead_letters = dead_letter_calls_,
            .jobs = job_calls_,
            .outbox = outbox_calls_}) {}

absl::Status Controller::Run(std::stop_token stop) {
  std::jthread driver;
  if (driver_ != nullptr) driver = std::jthread([this, stop] { driver_->Run(stop); });
  std::jthread targets;
  if (targets_ != nullptr) targets = std::jthread([this, stop] { targets_->Run(stop); });
  std::jthread replays;
  if (replays_ != nullptr) replays = std::jthread([this, stop] { replays_->Run(stop); });
  const std::jthread reloads([this, stop] { reloads_.Run(stop); });
  poller_.Run(std::move(stop));
  streams_.Stop();
  return absl::OkStatus();
}

std::map<std::string, std::string> Controller::Details() const {
  std::map<std::string, std::string> details = reloads_.Details();
  details["stages"] = absl::StrCat(poller_.Stages().stages_size());
  return details;
}

std::vector<grpc::Service*> Controller::GrpcServices() { return {&rpc_}; }

}  // namespace mentat::controller
