#include "services/controller/controller.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace mentat::controller {

absl::StatusOr<std::unique_ptr<service::Service>> Controller::Create(const Config& config,
                                                                     service::Context& context) {
  std::set<std::string> names;
  for (const config::v1::ControlledStageConfig& stage : config.stages()) {
    if (!names.insert(stage.name()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("stages: the stage ", stage.name(), " stands there twice"));
    }
  }
  return std::unique_ptr<service::Service>(new Controller(config, context));
}

Controller::Controller(const Config& config, service::Context& context)
    : poller_(config, clients_, context.log.ForModule("controller")),
      status_calls_(poller_, streams_),
      instance_calls_(poller_, clients_, absl::Seconds(config.call_timeout_seconds())),
      rpc_({.status = status_calls_, .instances = instance_calls_}) {}

absl::Status Controller::Run(std::stop_token stop) {
  poller_.Run(std::move(stop));
  streams_.Stop();
  return absl::OkStatus();
}

std::map<std::string, std::string> Controller::Details() const {
  return {{"stages", absl::StrCat(poller_.Stages().stages_size())}};
}

std::vector<grpc::Service*> Controller::GrpcServices() { return {&rpc_}; }

}  // namespace mentat::controller
