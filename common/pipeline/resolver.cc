#include "common/pipeline/resolver.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/ports_file.h"

namespace mentat::pipeline {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kPorts = "ports://";

struct AddrInfoDeleter {
  void operator()(addrinfo* info) const { freeaddrinfo(info); }
};
using AddrInfoPtr = std::unique_ptr<addrinfo, AddrInfoDeleter>;

struct HostPort {
  std::string host;
  std::string port;
};

bool IsLocalTransport(std::string_view endpoint) {
  return endpoint.starts_with("ipc://") || endpoint.starts_with("inproc://");
}

struct PortsFolder {
  std::string folder;
  std::string service;
};

absl::StatusOr<PortsFolder> SplitPorts(std::string_view endpoint) {
  const std::string_view path = endpoint.substr(kPorts.size());
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || path.front() != '/' ||
      slash + 1 == path.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(endpoint), "\": expected ports:///FOLDER/SERVICE"));
  }
  return PortsFolder{std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

// The inputs of a service's instances, as their ports files tell them.
absl::StatusOr<std::vector<std::string>> ReadInputs(const PortsFolder& where) {
  const auto found = service::ReadPortsFolder(where.folder);
  if (!found.ok()) return absl::UnavailableError(found.status().message());
  std::vector<std::string> inputs;
  for (const service::Ports& ports : *found) {
    // A file is no more to be trusted than the name service: it must not lead to another look-up.
    if (ports.service == where.service && IsNumeric(ports.input)) inputs.push_back(ports.input);
  }
  return inputs;
}

absl::StatusOr<HostPort> Split(std::string_view endpoint) {
  const auto bad = [&](std::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", std::string(endpoint), "\": ", std::string(why), ", expected tcp://host:port"));
  };
  if (!endpoint.starts_with(kTcp)) return bad("unknown transport");
  const std::string_view rest = endpoint.substr(kTcp.size());
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size()) {
    return bad("no host or no port");
  }
  const std::string port(rest.substr(colon + 1));
  if (port.find_first_not_of("0123456789") != std::string::npos || port.size() > 5) {
    return bad("the port is no number");
  }
  std::string host(rest.substr(0, colon));
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return HostPort{std::move(host), port};
}

}  // namespace

absl::Status CheckEndpoint(std::string_view endpoint) {
  if (IsLocalTransport(endpoint)) return absl::OkStatus();
  if (endpoint.starts_with(kPorts)) return SplitPorts(endpoint).status();
  return Split(endpoint).status();
}

bool IsNumeric(std::string_view endpoint) {
  if (IsLocalTransport(endpoint)) return true;
  const absl::StatusOr<HostPort> parts = Split(endpoint);
  if (!parts.ok()) return false;
  in6_addr address;
  return inet_pton(AF_INET, parts->host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, parts->host.c_str(), &address) == 1;
}

std::string OwnAddress() {
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) return "127.0.0.1";
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> list(raw, &freeifaddrs);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* item = list.get(); item != nullptr; item = item->ifa_next) {
      if (item->ifa_addr == nullptr || item->ifa_addr->sa_family != family) continue;
      if ((item->ifa_flags & IFF_LOOPBACK) != 0 || (item->ifa_flags & IFF_UP) == 0) continue;
      const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
      char text[NI_MAXHOST];
      if (getnameinfo(item->ifa_addr, size, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0) {
        continue;
      }
      const std::string address = text;
      if (family == AF_INET) return address;
      // A link-local address means nothing without its interface.
      if (address.find('%') == std::string::npos) return "[" + address + "]";
    }
  }
  return "127.0.0.1";
}

absl::StatusOr<std::vector<std::string>> Resolve(std::string_view endpoint) {
  if (IsLocalTransport(endpoint)) return std::vector<std::string>{std::string(endpoint)};
  if (endpoint.starts_with(kPorts)) {
    ASSIGN_OR_RETURN(const PortsFolder where, SplitPorts(endpoint));
    return ReadInputs(where);
  }
  ASSIGN_OR_RETURN(const HostPort parts, Split(endpoint));
  const auto& [host, port] = parts;

  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &raw);
  const AddrInfoPtr list(raw);
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("cannot resolve ", host, ": ", gai_strerror(error)));
  }
  std::vector<std::string> ip4;
  std::vector<std::string> ip6;
  for (const addrinfo* info = list.get(); info != nullptr; info = info->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
      continue;
    }
    if (info->ai_family == AF_INET) ip4.push_back(absl::StrCat("tcp://", text, ":", port));
    if (info->ai_family == AF_INET6) ip6.push_back(absl::StrCat("tcp://[", text, "]:", port));
  }
  if (ip4.empty() && ip6.empty()) {
    return absl::UnavailableError(absl::StrCat("no address behind ", host));
  }
  return ip4.empty() ? ip6 : ip4;
}

Resolver::Resolver(std::vector<std::string> endpoints, std::chrono::duration<double> interval,
                   std::function<void(std::set<std::string>)> changed,
                   std::function<void(const std::string&, const absl::Status&)> failed)
    : interval_(interval),
      changed_(std::move(changed)),
      failed_(std::move(failed)),
      endpoints_(std::move(endpoints)),
      thread_([this](std::stop_token stop) { Run(stop); }) {}

void Resolver::SetEndpoints(std::vector<std::string> endpoints) {
  {
    const MutexLock lock(mutex_);
    endpoints_ = std::move(endpoints);
    changed_endpoints_ = true;
  }
  wake_.NotifyAll();
}

void Resolver::Run(std::stop_token stop) {
  std::map<std::string, std::vector<std::string>> known;  // by endpoint
  std::optional<std::set<std::string>> reported;
  while (!stop.stop_requested()) {
    std::vector<std::string> endpoints;
    {
      const MutexLock lock(mutex_);
      endpoints = endpoints_;
      changed_endpoints_ = false;
    }
    std::erase_if(known, [&](const auto& item) {
      return std::find(endpoints.begin(), endpoints.end(), item.first) == endpoints.end();
    });
    for (const std::string& endpoint : endpoints) {
      absl::StatusOr<std::vector<std::string>> addresses = Resolve(endpoint);
      if (addresses.ok()) {
        known[endpoint] = *std::move(addresses);
      } else {
        failed_(endpoint, addresses.status());
      }
    }
    std::set<std::string> all;
    for (const auto& [endpoint, addresses] : known) all.insert(addresses.begin(), addresses.end());
    if (all != reported) {
      reported = all;
      changed_(std::move(all));
    }
    const MutexLock lock(mutex_);
    wake_.WaitFor(mutex_, stop, interval_,
                  [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return changed_endpoints_; });
  }
}

}  // namespace mentat::pipeline
