// The certificate, the key and the authorities of a server, as their files have them now.
#ifndef COMMON_SERVICE_ACCESS_CERTIFICATE_FILES_H_
#define COMMON_SERVICE_ACCESS_CERTIFICATE_FILES_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/base/secret_file.h"
#include "common/service/log.h"
#include "mentat/config/v1/common.pb.h"

namespace mentat::service {

// PEM.
struct Certificates {
  std::string certificate;
  std::string key;
  std::string client_authorities;  // empty if callers show no certificates
};

// Reads the files and checks that they belong together. No error holds any of the key.
absl::StatusOr<Certificates> ReadCertificates(const config::v1::TlsConfig& config);

// Thread-safe.
class CertificateFiles {
 public:
  CertificateFiles(const config::v1::TlsConfig& config, log::Logger log);

  // What is new since the last call; the first call has all. Wrong files are logged once, and
  // nothing is new then.
  std::optional<Certificates> TakeChanged();
  bool asks_callers() const { return !config_.client_ca_file().empty(); }

 private:
  struct Stamps {
    FileStamp certificate;
    FileStamp key;
    FileStamp authorities;
    bool operator==(const Stamps&) const = default;
  };

  const config::v1::TlsConfig config_;
  const log::Logger log_;
  Mutex mutex_;
  Stamps stamps_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_CERTIFICATE_FILES_H_
