#include "common/service/access/certificate_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::service {
namespace {

template <auto free_function>
struct Freer {
  template <typename T>
  void operator()(T* each) const {
    free_function(each);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

Bio Reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Without a passphrase, and without asking for one on the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

Certificate ReadCertificate(const std::string& pem) {
  return Certificate(PEM_read_bio_X509(Reader(pem).get(), nullptr, NoPassphrase, nullptr));
}

absl::Status InField(const char* field, const std::string& file, std::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", file, ": ", std::string(what)));
}

absl::StatusOr<std::string> ReadField(const char* field, const std::string& file, bool secret) {
  absl::StatusOr<std::string> read = secret ? ReadSecretFile(file) : ReadSmallFile(file);
  if (!read.ok()) {
    return absl::Status(read.status().code(), absl::StrCat(field, ": ", read.status().message()));
  }
  return read;
}

}  // namespace

absl::StatusOr<Certificates> ReadCertificates(const config::v1::TlsConfig& config) {
  constexpr char kCertificate[] = "service.tls.cert_file";
  constexpr char kKey[] = "service.tls.key_file";
  constexpr char kAuthorities[] = "service.tls.client_ca_file";
  Certificates read;
  ASSIGN_OR_RETURN(read.certificate, ReadField(kCertificate, config.cert_file(), false));
  ASSIGN_OR_RETURN(read.key, ReadField(kKey, config.key_file(), true));
  const Certificate certificate = ReadCertificate(read.certificate);
  if (certificate == nullptr) {
    return InField(kCertificate, config.cert_file(), "expected a certificate in PEM");
  }
  const PrivateKey key(
      PEM_read_bio_PrivateKey(Reader(read.key).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return InField(kKey, config.key_file(), "expected a private key in PEM, without a passphrase");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return InField(kKey, config.key_file(),
                   absl::StrCat("does not belong to the certificate in ", config.cert_file()));
  }
  if (config.client_ca_file().empty()) return read;
  ASSIGN_OR_RETURN(read.client_authorities,
                   ReadField(kAuthorities, config.client_ca_file(), false));
  if (ReadCertificate(read.client_authorities) == nullptr) {
    return InField(kAuthorities, config.client_ca_file(), "expected certificates in PEM");
  }
  return read;
}

CertificateFiles::CertificateFiles(const config::v1::TlsConfig& config, log::Logger log)
    : config_(config), log_(std::move(log)) {}

std::optional<Certificates> CertificateFiles::TakeChanged() {
  const MutexLock lock(mutex_);
  const Stamps stamps = {StampOf(config_.cert_file()), StampOf(config_.key_file()),
                         StampOf(config_.client_ca_file())};
  if (stamps == stamps_) return std::nullopt;
  const bool first = stamps_ == Stamps();
  stamps_ = stamps;
  absl::StatusOr<Certificates> read = ReadCertificates(config_);
  if (!read.ok()) {
    log_.Error("the certificates' files are wrong; the old ones stay in use",
               {{"error", read.status()}});
    return std::nullopt;
  }
  if (!first) log_.Info("certificates read again", {{"file", config_.cert_file()}});
  return *std::move(read);
}

}  // namespace mentat::service
