// Both halves of a service's reload at once.
#ifndef COMMON_SERVICE_TESTING_RELOAD_H_
#define COMMON_SERVICE_TESTING_RELOAD_H_

#include "absl/status/status.h"
#include "common/base/status_macros.h"
#include "common/service/service.h"

namespace mentat::testing_support {

inline absl::Status Reload(service::Service& service) {
  ASSIGN_OR_RETURN(const std::function<void()> use, service.PrepareReload());
  if (use) use();
  return absl::OkStatus();
}

}  // namespace mentat::testing_support

#endif  // COMMON_SERVICE_TESTING_RELOAD_H_
