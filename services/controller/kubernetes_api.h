// Requests to the API server of a Kubernetes cluster, as a service account of a pod.
//
// Thread-safe; each request has a connection of its own. The token and the authority's certificate
// are read anew for each: Kubernetes replaces them while the pod runs.
#ifndef SERVICES_CONTROLLER_KUBERNETES_API_H_
#define SERVICES_CONTROLLER_KUBERNETES_API_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mentat/config/v1/controller.pb.h"
#include "nlohmann/json.hpp"

namespace mentat::controller {

class KubernetesApi {
 public:
  // FailedPrecondition if the process is in no pod and nothing else is configured. Once `stop` is
  // requested nothing is tried again.
  static absl::StatusOr<KubernetesApi> Create(const config::v1::KubernetesDriverConfig& config,
                                              std::stop_token stop);

  const std::string& name_space() const { return namespace_; }

  // Objects as JSON. What fails for a reason that passes (no connection, too many requests, an
  // error of the server) is tried again until the time is over, with growing pauses or as long as
  // the server says: a request must do no harm when it is made twice. Errors: Unauthenticated,
  // PermissionDenied, NotFound, Aborted for a conflict, InvalidArgument for what the server
  // refuses, Unavailable, DeadlineExceeded; the message is the server's.
  absl::StatusOr<nlohmann::json> Get(const std::string& path) const;
  // With a JSON merge patch (RFC 7386).
  absl::StatusOr<nlohmann::json> Patch(const std::string& path, const nlohmann::json& patch) const;

 private:
  struct Answer;

  KubernetesApi() = default;
  absl::StatusOr<nlohmann::json> Try(const std::string& method, const std::string& path,
                                     const std::string& body) const;
  absl::StatusOr<Answer> Send(const std::string& method, const std::string& path,
                              const std::string& body) const;

  std::string url_;  // without a slash at the end
  std::string namespace_;
  std::string token_file_;
  std::string ca_file_;
  absl::Duration timeout_;  // of a request
  absl::Duration patience_;
  std::stop_token stop_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_KUBERNETES_API_H_
