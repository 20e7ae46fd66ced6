// Finds the peers behind the configured endpoints, again and again: a host name stands for every
// address behind it (a Kubernetes headless service, a scaled Compose service), and
// `ports://FOLDER/SERVICE` for every input that the ports files of a local folder tell of.
#ifndef COMMON_PIPELINE_RESOLVER_H_
#define COMMON_PIPELINE_RESOLVER_H_

#include <chrono>
#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"

namespace mentat::pipeline {

// OK if the text is an endpoint at all; looks nothing up. InvalidArgument says what is wrong.
absl::Status CheckEndpoint(std::string_view endpoint);
// Whether an endpoint needs no look-up.
bool IsNumeric(std::string_view endpoint);
// An address of this host under which other hosts may reach it, as far as can be known: the first
// that is not loopback; else 127.0.0.1.
std::string OwnAddress();

// What an endpoint stands for now: `tcp://name:port` becomes one endpoint for each address, IPv4 if
// there is any; numeric addresses and other transports stand for themselves. Blocks on the look-up.
// InvalidArgument for what is no endpoint; Unavailable if the name cannot be resolved now.
absl::StatusOr<std::vector<std::string>> Resolve(std::string_view endpoint);

// Resolves in a thread of its own and reports changes from there.
class Resolver {
 public:
  // `changed` is told all addresses whenever they are not what they were; `failed` of names that
  // cannot be resolved, whose earlier addresses stay in use.
  Resolver(std::vector<std::string> endpoints, std::chrono::duration<double> interval,
           std::function<void(std::set<std::string>)> changed,
           std::function<void(const std::string&, const absl::Status&)> failed);

  // Other endpoints from now on; they are looked up at once. Thread-safe.
  void SetEndpoints(std::vector<std::string> endpoints);

 private:
  void Run(std::stop_token stop);

  const std::chrono::duration<double> interval_;
  const std::function<void(std::set<std::string>)> changed_;
  const std::function<void(const std::string&, const absl::Status&)> failed_;
  Mutex mutex_;
  CondVar wake_;
  std::vector<std::string> endpoints_ ABSL_GUARDED_BY(mutex_);
  bool changed_endpoints_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_RESOLVER_H_
