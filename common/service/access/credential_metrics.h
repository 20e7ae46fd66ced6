// How long the certificates and keys of a service are still good, as metrics. The files as they are
// now are what the next connection gets.
#ifndef COMMON_SERVICE_ACCESS_CREDENTIAL_METRICS_H_
#define COMMON_SERVICE_ACCESS_CREDENTIAL_METRICS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace google::protobuf {
class Message;
}
namespace prometheus {
struct MetricFamily;
}

namespace mentat::service {

// A file without a name is none.
struct CredentialFiles {
  std::string server_certificate;  // of the control plane
  // Those that the service shows when it calls others, by the key of the configuration that names
  // them: `stage_client`.
  std::map<std::string, std::string> client_certificates;
  // The pair of keys of the pipeline's connections; nullopt without a pipeline.
  std::optional<std::string> curve_key;
};

// The certificates that a configuration's AdminClientConfigs name.
std::map<std::string, std::string> ClientCertificates(const google::protobuf::Message& config);

// Reads the files. Thread-safe.
std::vector<prometheus::MetricFamily> CredentialMetrics(const CredentialFiles& files);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_CREDENTIAL_METRICS_H_
