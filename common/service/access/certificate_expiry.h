// Until when a file of certificates is good.
#ifndef COMMON_SERVICE_ACCESS_CERTIFICATE_EXPIRY_H_
#define COMMON_SERVICE_ACCESS_CERTIFICATE_EXPIRY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mentat::service {

// The end of the certificate in a PEM file that ends first. InvalidArgument where there is none.
// Stateless, thread-safe.
absl::StatusOr<absl::Time> CertificateExpiry(const std::string& file);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_CERTIFICATE_EXPIRY_H_
