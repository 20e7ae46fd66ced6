// The error of a reload of many instances, with what each of them said.
#ifndef SERVICES_CONTROLLER_RELOAD_REFUSAL_H_
#define SERVICES_CONTROLLER_RELOAD_REFUSAL_H_

#include <string>

#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"

namespace mentat::controller {

// The message is `what` and the first errors; the details are the response, as google.rpc.Status
// carries it. Both are cut to what fits into the trailer of a call.
grpc::Status RefuseReload(grpc::StatusCode code, const std::string& what,
                          const v1::ReloadResponse& response);

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_RELOAD_REFUSAL_H_
