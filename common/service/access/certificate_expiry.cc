#include "common/service/access/certificate_expiry.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/secret_file.h"
#include "common/base/status_macros.h"

namespace mentat::service {

absl::StatusOr<absl::Time> CertificateExpiry(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string pem, ReadSmallFile(file));
  const std::unique_ptr<BIO, int (*)(BIO*)> reader(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  absl::Time first = absl::InfiniteFuture();
  while (true) {
    const std::unique_ptr<X509, void (*)(X509*)> certificate(
        PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr), X509_free);
    if (certificate == nullptr) break;
    std::tm end = {};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) continue;
    first = std::min(first, absl::FromTM(end, absl::UTCTimeZone()));
  }
  ERR_clear_error();
  if (first == absl::InfiniteFuture()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": expected a certificate in PEM"));
  }
  return first;
}

}  // namespace mentat::service
