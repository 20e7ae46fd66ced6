#include "common/service/host_port.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::service {

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  const auto error = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(text), "\" is not host:port: ", std::string(why)));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return error("the colon is missing");
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  uint32_t port = 0;
  const bool digits =
      !port_text.empty() &&
      std::all_of(port_text.begin(), port_text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || !absl::SimpleAtoi(std::string(port_text), &port) || port > 65535) {
    return error("the port must be a number from 0 to 65535");
  }
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return error("the bracket is not closed");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return error("an IPv6 address must stand in brackets");
  }
  return HostPort{std::string(host), static_cast<uint16_t>(port)};
}

std::string FormatHostPort(const HostPort& host_port) {
  const bool brackets = host_port.host.find(':') != std::string::npos;
  return absl::StrCat(brackets ? "[" : "", host_port.host, brackets ? "]" : "", ":",
                      host_port.port);
}

absl::StatusOr<std::vector<std::string>> ResolveAll(const HostPort& host_port) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host_port.host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot resolve ", host_port.host, ": ", ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      addresses.push_back(FormatHostPort({text, host_port.port}));
    }
  }
  // IPv4 sorts before the brackets of IPv6.
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

absl::StatusOr<std::string> NumericAddress(const HostPort& host_port) {
  if (host_port.host.empty()) return absl::StrCat("0.0.0.0:", host_port.port);
  ASSIGN_OR_RETURN(const std::vector<std::string> addresses, ResolveAll(host_port));
  if (addresses.empty()) {
    return absl::UnavailableError(absl::StrCat("no address behind ", host_port.host));
  }
  return addresses.front();
}

bool IsLoopback(std::string_view host) {
  const std::string text(host);
  in_addr v4 = {};
  in6_addr v6 = {};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  if (::inet_pton(AF_INET6, text.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6) != 0;
  return host == "localhost";
}

}  // namespace mentat::service
