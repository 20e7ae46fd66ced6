#include "tools/mentatctl/client.h"

#include <chrono>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/access/admin_client.h"
#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.grpc.pb.h"
#include "mentat/stage/v1/stage_admin.grpc.pb.h"

namespace mentat::mentatctl {
namespace {

constexpr std::chrono::seconds kStatusTimeout(30);
// A reload reads tables and rules.
constexpr std::chrono::seconds kActionTimeout(60);
constexpr int kMaxAnswerBytes = 64 << 20;

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Connection& connection,
                                                       const std::string& address) {
  ASSIGN_OR_RETURN(const std::unique_ptr<service::AdminClient> client,
                   service::AdminClient::Create(connection.client));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  return client->Connect(address, arguments);
}

void SetTimeout(grpc::ClientContext& context, std::chrono::seconds timeout) {
  context.set_deadline(std::chrono::system_clock::now() + timeout);
}

absl::Status FromGrpc(const grpc::Status& status, const std::string& address) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat(address, ": ", status.error_message()));
}

}  // namespace

absl::StatusOr<controller::v1::GetStatusResponse> FetchStatus(const Connection& connection) {
  ASSIGN_OR_RETURN(const auto channel, Connect(connection, connection.controller));
  const auto stub = controller::v1::Controller::NewStub(channel);
  grpc::ClientContext context;
  SetTimeout(context, kStatusTimeout);
  controller::v1::GetStatusResponse response;
  RETURN_IF_ERROR(FromGrpc(stub->GetStatus(&context, {}, &response), connection.controller));
  return response;
}

absl::Status CallStage(const Connection& connection, const std::string& address, StageAction action,
                       const std::string& level) {
  ASSIGN_OR_RETURN(const auto channel, Connect(connection, address));
  const auto stub = stage::v1::StageAdmin::NewStub(channel);
  grpc::ClientContext context;
  SetTimeout(context, kActionTimeout);
  stage::v1::PauseResponse paused;
  stage::v1::ResumeResponse resumed;
  stage::v1::DrainResponse drained;
  stage::v1::ReloadResponse reloaded;
  stage::v1::SetLogLevelRequest set_level;
  stage::v1::SetLogLevelResponse level_set;
  switch (action) {
    case StageAction::kPause:
      return FromGrpc(stub->Pause(&context, {}, &paused), address);
    case StageAction::kResume:
      return FromGrpc(stub->Resume(&context, {}, &resumed), address);
    case StageAction::kDrain:
      return FromGrpc(stub->Drain(&context, {}, &drained), address);
    case StageAction::kReload:
      return FromGrpc(stub->Reload(&context, {}, &reloaded), address);
    case StageAction::kSetLogLevel:
      set_level.set_level(level);
      return FromGrpc(stub->SetLogLevel(&context, set_level, &level_set), address);
  }
  return absl::InternalError("no such action");
}

}  // namespace mentat::mentatctl
