// One HTTP request over a plain socket, for tests that read a /metrics page.
#ifndef COMMON_SERVICE_HTTP_GET_H_
#define COMMON_SERVICE_HTTP_GET_H_

#include <string>

#include "absl/status/statusor.h"

namespace mentat::service {

// The body of the answer 200; any other answer is an error. `address` is IPv4:port.
absl::StatusOr<std::string> HttpGet(const std::string& address, const std::string& path);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_HTTP_GET_H_
