// The calls of the Controller service that start, stop and scale: from gRPC to the driver.
#ifndef SERVICES_CONTROLLER_WORKLOAD_CALLS_H_
#define SERVICES_CONTROLLER_WORKLOAD_CALLS_H_

#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/driver.h"

namespace mentat::controller {

// Thread-safe. FAILED_PRECONDITION where no driver is configured.
class WorkloadCalls {
 public:
  // `driver` may be null.
  explicit WorkloadCalls(Driver* driver) : driver_(driver) {}

  grpc::Status List(const v1::ListWorkloadsRequest& request, v1::ListWorkloadsResponse& response);
  grpc::Status Start(const v1::StartRequest& request, v1::StartResponse& response);
  grpc::Status Stop(const v1::StopRequest& request, v1::StopResponse& response);
  grpc::Status Restart(const v1::RestartRequest& request, v1::RestartResponse& response);
  grpc::Status Scale(const v1::ScaleRequest& request, v1::ScaleResponse& response);

 private:
  Driver* const driver_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_WORKLOAD_CALLS_H_
