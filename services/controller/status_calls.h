// The calls that tell what the controller knows of the stages.
#ifndef SERVICES_CONTROLLER_STATUS_CALLS_H_
#define SERVICES_CONTROLLER_STATUS_CALLS_H_

#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/poller.h"
#include "services/controller/streams.h"

namespace mentat::controller {

// As the service Controller has them. Thread-safe.
class StatusCalls {
 public:
  // Both outlive the object.
  StatusCalls(Poller& poller, Streams& streams) : poller_(poller), streams_(streams) {}

  grpc::Status ListStages(v1::ListStagesResponse& response);
  grpc::Status GetStatus(const v1::GetStatusRequest& request, v1::GetStatusResponse& response);
  grpc::Status WatchStatus(const grpc::ServerContext& context,
                           const v1::WatchStatusRequest& request,
                           grpc::ServerWriter<v1::WatchStatusResponse>& writer);
  grpc::Status GetTopology(v1::GetTopologyResponse& response);

 private:
  Poller& poller_;
  Streams& streams_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_STATUS_CALLS_H_
