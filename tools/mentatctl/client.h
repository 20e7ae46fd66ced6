// Calls to the controller and to stages. Every call has a deadline.
#ifndef TOOLS_MENTATCTL_CLIENT_H_
#define TOOLS_MENTATCTL_CLIENT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/connection.h"

namespace mentat::mentatctl {

// The state of all stages, from the controller. Errors name the address.
absl::StatusOr<controller::v1::GetStatusResponse> FetchStatus(const Connection& connection);

enum class StageAction { kPause, kResume, kDrain, kReload, kSetLogLevel };

// Calls the StageAdmin at host:port; `level` for kSetLogLevel alone.
absl::Status CallStage(const Connection& connection, const std::string& address, StageAction action,
                       const std::string& level);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CLIENT_H_
