// Which instances a call is for.
#ifndef SERVICES_CONTROLLER_SELECTION_H_
#define SERVICES_CONTROLLER_SELECTION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/service/grpc_status.h"
#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"

namespace mentat::controller {

// An instance that is called.
struct Target {
  std::string stage;
  std::string instance;  // its name, where it is known
  std::string address;   // host:port
};

// The instances of `known` that the selection means, each once, in the order of `known`; never one
// that is gone. NotFound names what means no instance.
absl::StatusOr<std::vector<Target>> Select(const v1::GetStatusResponse& known,
                                           const v1::Selection& selection);

// What a call did there.
v1::InstanceResult MakeResult(const Target& target, const grpc::Status& status);

using service::ToGrpc;

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_SELECTION_H_
