#include "common/service/access/credential_metrics.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/secret_file.h"
#include "common/service/access/certificate_expiry.h"
#include "common/service/metrics.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "mentat/config/v1/common.pb.h"
#include "prometheus/metric_family.h"

namespace mentat::service {
namespace {

using google::protobuf::FieldDescriptor;

// Unix time; 0 where there is nothing to read.
double ExpiryOf(const std::string& file) {
  if (file.empty()) return 0;
  const absl::StatusOr<absl::Time> expiry = CertificateExpiry(file);
  return expiry.ok() ? absl::ToDoubleSeconds(*expiry - absl::UnixEpoch()) : 0;
}

double WrittenAt(const std::string& file) {
  return file.empty() ? 0 : static_cast<double>(StampOf(file).modified_nanos) / 1e9;
}

}  // namespace

std::map<std::string, std::string> ClientCertificates(const google::protobuf::Message& config) {
  std::map<std::string, std::string> files;
  const google::protobuf::Descriptor& type = *config.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated() ||
        field.message_type() != config::v1::AdminClientConfig::descriptor()) {
      continue;
    }
    config::v1::AdminClientConfig client;
    client.CopyFrom(config.GetReflection()->GetMessage(config, &field));
    files[field.name()] = client.cert_file();
  }
  return files;
}

std::vector<prometheus::MetricFamily> CredentialMetrics(const CredentialFiles& files) {
  std::vector<prometheus::MetricFamily> families = {GaugeFamily(
      "mentat_control_certificate_expiry_timestamp_seconds",
      "When the control plane's certificate ends, Unix time; 0 where there is none to read.",
      {{ExpiryOf(files.server_certificate)}})};
  if (!files.client_certificates.empty()) {
    std::vector<Sample> samples;
    for (const auto& [client, file] : files.client_certificates) {
      samples.push_back({ExpiryOf(file), {{"client", client}}});
    }
    families.push_back(GaugeFamily(
        "mentat_control_client_certificate_expiry_timestamp_seconds",
        "When the certificate ends that is shown to others, Unix time; 0 where there is none to "
        "read.",
        std::move(samples)));
  }
  if (files.curve_key.has_value()) {
    families.push_back(GaugeFamily(
        "mentat_pipeline_key_written_timestamp_seconds",
        "When the file with the key of the pipeline's connections was written, Unix time; 0 where "
        "they are plain.",
        {{WrittenAt(*files.curve_key)}}));
  }
  return families;
}

}  // namespace mentat::service
