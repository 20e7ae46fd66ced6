#include "services/controller/workload_calls.h"

#include <string>
#include <utility>

#include "services/controller/selection.h"

namespace mentat::controller {
namespace {

grpc::Status NoDriver() {
  return {grpc::StatusCode::FAILED_PRECONDITION,
          "this controller starts and stops nothing: configure driver.local or driver.kubernetes"};
}

Driver::Names ToNames(const google::protobuf::RepeatedPtrField<std::string>& names) {
  return {names.begin(), names.end()};
}

template <typename Response>
grpc::Status Answer(Driver::Workloads workloads, Response& response) {
  if (!workloads.ok()) return ToGrpc(workloads.status());
  for (v1::Workload& workload : *workloads) *response.add_workloads() = std::move(workload);
  return grpc::Status::OK;
}

}  // namespace

grpc::Status WorkloadCalls::List(const v1::ListWorkloadsRequest& request,
                                 v1::ListWorkloadsResponse& response) {
  if (driver_ == nullptr) return NoDriver();
  return Answer(driver_->List(ToNames(request.stages())), response);
}

grpc::Status WorkloadCalls::Start(const v1::StartRequest& request, v1::StartResponse& response) {
  if (driver_ == nullptr) return NoDriver();
  return Answer(driver_->Start(ToNames(request.stages())), response);
}

grpc::Status WorkloadCalls::Stop(const v1::StopRequest& request, v1::StopResponse& response) {
  if (driver_ == nullptr) return NoDriver();
  return Answer(driver_->Stop(ToNames(request.stages())), response);
}

grpc::Status WorkloadCalls::Restart(const v1::RestartRequest& request,
                                    v1::RestartResponse& response) {
  if (driver_ == nullptr) return NoDriver();
  return Answer(driver_->Restart(request.selection()), response);
}

grpc::Status WorkloadCalls::Scale(const v1::ScaleRequest& request, v1::ScaleResponse& response) {
  if (driver_ == nullptr) return NoDriver();
  v1::ListWorkloadsResponse workloads;
  const grpc::Status status =
      Answer(driver_->Scale(request.stage(), request.instances()), workloads);
  if (status.ok()) response.mutable_workload()->Swap(workloads.mutable_workloads(0));
  return status;
}

}  // namespace mentat::controller
