#include "services/controller/controller.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.grpc.pb.h"

namespace mentat::controller {
namespace {

// A round that has begun, and the one that was asked for.
constexpr int kRoundsToWait = 2;
constexpr absl::Duration kNameServiceTime = absl::Seconds(5);

}  // namespace

class Controller::Rpc final : public v1::Controller::Service {
 public:
  Rpc(const Config& config, Poller& poller)
      : poller_(poller),
        patience_(absl::Seconds(config.call_timeout_seconds()) * kRoundsToWait + kNameServiceTime) {
  }

  grpc::Status ListStages(grpc::ServerContext*, const v1::ListStagesRequest*,
                          v1::ListStagesResponse* response) override {
    *response = poller_.Stages();
    return grpc::Status::OK;
  }

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override {
    const absl::Status round = poller_.WaitForRound(patience_);
    if (!round.ok()) {
      return {static_cast<grpc::StatusCode>(round.code()), std::string(round.message())};
    }
    *response = poller_.Snapshot({request->stages().begin(), request->stages().end()});
    return grpc::Status::OK;
  }

 private:
  Poller& poller_;
  const absl::Duration patience_;
};

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
    : poller_(config, context.log.ForModule("controller")),
      rpc_(std::make_unique<Rpc>(config, poller_)) {}

Controller::~Controller() = default;

absl::Status Controller::Run(std::stop_token stop) {
  poller_.Run(std::move(stop));
  return absl::OkStatus();
}

std::map<std::string, std::string> Controller::Details() const {
  return {{"stages", absl::StrCat(poller_.Stages().stages_size())}};
}

std::vector<grpc::Service*> Controller::GrpcServices() { return {rpc_.get()}; }

}  // namespace mentat::controller
