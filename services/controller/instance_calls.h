// The calls that do the same on each of the selected instances, or ask the same of it.
#ifndef SERVICES_CONTROLLER_INSTANCE_CALLS_H_
#define SERVICES_CONTROLLER_INSTANCE_CALLS_H_

#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/clients.h"
#include "services/controller/poller.h"

namespace mentat::controller {

// As the service Controller has them. Thread-safe.
class InstanceCalls {
 public:
  // Both outlive the object. `timeout` is what an instance may take to answer.
  InstanceCalls(Poller& poller, Clients& clients, absl::Duration timeout)
      : poller_(poller), clients_(clients), timeout_(timeout) {}

  grpc::Status Pause(const v1::PauseRequest& request, v1::PauseResponse& response);
  grpc::Status Resume(const v1::ResumeRequest& request, v1::ResumeResponse& response);
  grpc::Status Drain(const v1::DrainRequest& request, v1::DrainResponse& response);
  grpc::Status SetLogLevel(const v1::SetLogLevelRequest& request,
                           v1::SetLogLevelResponse& response);
  grpc::Status GetConfig(const v1::GetConfigRequest& request, v1::GetConfigResponse& response);
  grpc::Status ListInFlight(const v1::ListInFlightRequest& request,
                            v1::ListInFlightResponse& response);
  grpc::Status GetLedger(const v1::GetLedgerRequest& request, v1::GetLedgerResponse& response);
  grpc::Status DumpRunlog(const v1::DumpRunlogRequest& request, v1::DumpRunlogResponse& response);

 private:
  Poller& poller_;
  Clients& clients_;
  const absl::Duration timeout_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_INSTANCE_CALLS_H_
