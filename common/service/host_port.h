// Addresses to listen on and to connect to, as people write them: `127.0.0.1:9100`, `[::1]:9100`,
// `storage-0:9100`, `:9100` (all interfaces).
#ifndef COMMON_SERVICE_HOST_PORT_H_
#define COMMON_SERVICE_HOST_PORT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace mentat::service {

struct HostPort {
  std::string host;  // without brackets; empty for all interfaces
  uint16_t port = 0;
};

absl::StatusOr<HostPort> ParseHostPort(std::string_view text);
// With brackets around an IPv6 address.
std::string FormatHostPort(const HostPort& host_port);

// All addresses behind the host, as `address:port`, sorted; blocks for the name service.
absl::StatusOr<std::vector<std::string>> ResolveAll(const HostPort& host_port);
// One of them to listen on, IPv4 first; `0.0.0.0` for an empty host.
absl::StatusOr<std::string> NumericAddress(const HostPort& host_port);

// Whether only this machine reaches the host: `localhost`, 127.0.0.0/8, ::1. Of other names nobody
// knows where they lead to later.
bool IsLoopback(std::string_view host);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_HOST_PORT_H_
