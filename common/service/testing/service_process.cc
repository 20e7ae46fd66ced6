#include "common/service/testing/service_process.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "grpcpp/grpcpp.h"

namespace mentat::testing_support {
namespace {

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kPatience));
}

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServiceProcess>> ServiceProcess::Start(
    const std::string& program, const std::string& folder, const std::string& name,
    std::vector<std::string> arguments) {
  std::unique_ptr<ServiceProcess> service(new ServiceProcess());
  service->ports_file_ = absl::StrCat(folder, "/", name, ".json");
  std::filesystem::remove(service->ports_file_);
  for (const std::string& set :
       {absl::StrCat("service.ports_file=", service->ports_file_), "service.instance=" + name}) {
    arguments.push_back("--set");
    arguments.push_back(set);
  }
  ASSIGN_OR_RETURN(service->process_, ChildProcess::Start(program, arguments,
                                                          absl::StrCat(folder, "/", name, ".out")));
  if (absl::Status status = WaitForFile(service->ports_file_); !status.ok()) {
    return absl::DeadlineExceededError(
        absl::StrCat(name, " does not listen:\n", service->process_->Output()));
  }
  ASSIGN_OR_RETURN(service->ports_, service::ReadPortsFile(service->ports_file_));
  service->channel_ =
      grpc::CreateChannel(service->ports_.admin, grpc::InsecureChannelCredentials());
  service->admin_ = stage::v1::StageAdmin::NewStub(service->channel_);
  return service;
}

absl::StatusOr<stage::v1::Status> ServiceProcess::Status() {
  grpc::ClientContext context;
  SetDeadline(context);
  stage::v1::GetStatusResponse response;
  RETURN_IF_ERROR(FromGrpc(admin_->GetStatus(&context, {}, &response)));
  return response.status();
}

absl::StatusOr<stage::v1::Status> ServiceProcess::WaitUntil(
    const std::function<bool(const stage::v1::Status&)>& condition) {
  grpc::ClientContext context;
  SetDeadline(context);
  stage::v1::WatchStatusRequest request;
  request.mutable_interval()->set_nanos(100'000'000);
  const auto reader = admin_->WatchStatus(&context, request);
  stage::v1::WatchStatusResponse response;
  while (reader->Read(&response)) {
    if (!condition(response.status())) continue;
    context.TryCancel();
    return response.status();
  }
  const absl::Status status = FromGrpc(reader->Finish());
  return absl::UnavailableError(absl::StrCat(
      "the watch ended: ", status.message(),
      "; last status: ", response.status().ShortDebugString(), "\n", process_->Output()));
}

absl::StatusOr<stage::v1::Status> ServiceProcess::WaitForState(stage::v1::State state) {
  return WaitUntil([state](const stage::v1::Status& status) { return status.state() == state; });
}

}  // namespace mentat::testing_support
