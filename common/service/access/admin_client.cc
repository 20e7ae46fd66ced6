#include "common/service/access/admin_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "common/base/secret_file.h"
#include "common/base/status_macros.h"
#include "common/service/host_port.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/client_interceptor.h"

namespace mentat::service {
namespace {

constexpr unsigned int kRefreshSeconds = 1;
constexpr size_t kMaxTokenBytes = 1024;

// The token of a file: its first line.
absl::StatusOr<std::string> ReadToken(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, ReadSecretFile(path));
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.ends_with('\r')) text.pop_back();
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (text.empty() || text.size() > kMaxTokenBytes || !printable) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":1: expected a token of at most ",
                                                   kMaxTokenBytes, " characters without blanks"));
  }
  return text;
}

absl::Status InField(const char* field, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(field, ": ", status.message()));
}

absl::Status CheckFiles(const config::v1::AdminClientConfig& config) {
  if (config.cert_file().empty() != config.key_file().empty()) {
    return absl::InvalidArgumentError("cert_file and key_file: only one of them is given");
  }
  if (config.ca_file().empty()) {
    if (config.cert_file().empty() && config.server_name().empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "ca_file: is required with cert_file or server_name; without it connections are plain");
  }
  if (const auto read = ReadSmallFile(config.ca_file()); !read.ok()) {
    return InField("ca_file", read.status());
  }
  if (config.cert_file().empty()) return absl::OkStatus();
  if (const auto read = ReadSmallFile(config.cert_file()); !read.ok()) {
    return InField("cert_file", read.status());
  }
  if (const auto read = ReadSecretFile(config.key_file()); !read.ok()) {
    return InField("key_file", read.status());
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(
    const config::v1::AdminClientConfig& config) {
  using grpc::experimental::FileWatcherCertificateProvider;
  if (config.ca_file().empty()) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::make_shared<FileWatcherCertificateProvider>(
      config.key_file(), config.cert_file(), config.ca_file(), kRefreshSeconds));
  options.watch_root_certs();
  if (!config.cert_file().empty()) options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace

// The token, as its file has it now.
class TokenSource {
 public:
  TokenSource(std::string path, std::string token)
      : path_(std::move(path)), token_(std::move(token)) {}

  std::string Get() {
    const FileStamp stamp = StampOf(path_);
    const MutexLock lock(mutex_);
    if (stamp == stamp_) return token_;
    // While the file is wrong, the old one is tried; the server says what it thinks of it.
    if (absl::StatusOr<std::string> read = ReadToken(path_); read.ok()) token_ = *std::move(read);
    stamp_ = stamp;
    return token_;
  }

 private:
  const std::string path_;
  Mutex mutex_;
  FileStamp stamp_ ABSL_GUARDED_BY(mutex_);
  std::string token_ ABSL_GUARDED_BY(mutex_);
};

namespace {

// Adds the token to each call. Not by call credentials, which gRPC sends over TLS alone.
class TokenInterceptor final : public grpc::experimental::Interceptor {
 public:
  explicit TokenInterceptor(TokenSource& token) : token_(token) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization",
                                                 absl::StrCat("Bearer ", token_.Get()));
    }
    methods->Proceed();
  }

 private:
  TokenSource& token_;
};

class TokenInterceptorFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenInterceptorFactory(std::shared_ptr<TokenSource> token) : token_(std::move(token)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo*) override {
    return new TokenInterceptor(*token_);  // the call owns it
  }

 private:
  const std::shared_ptr<TokenSource> token_;
};

}  // namespace

AdminClient::AdminClient(const config::v1::AdminClientConfig& config)
    : config_(config), credentials_(MakeCredentials(config)) {}

AdminClient::~AdminClient() = default;

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Create(
    const config::v1::AdminClientConfig& config) {
  RETURN_IF_ERROR(CheckFiles(config));
  std::unique_ptr<AdminClient> client(new AdminClient(config));
  if (!config.token_file().empty()) {
    absl::StatusOr<std::string> token = ReadToken(config.token_file());
    if (!token.ok()) return InField("token_file", token.status());
    client->token_ = std::make_shared<TokenSource>(config.token_file(), *std::move(token));
  }
  return client;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> AdminClient::Connect(
    const std::string& address) const {
  return Connect(address, grpc::ChannelArguments());
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> AdminClient::Connect(
    const std::string& address, grpc::ChannelArguments arguments) const {
  ASSIGN_OR_RETURN(const HostPort host_port, ParseHostPort(address));
  const bool plain = config_.ca_file().empty();
  if (plain && token_ != nullptr && !config_.allow_plaintext() && !IsLoopback(host_port.host)) {
    return absl::FailedPreconditionError(
        absl::StrCat(address,
                     ": the token would go over the network in the clear; give a ca_file for an "
                     "encrypted connection, or allow_plaintext"));
  }
  if (!config_.server_name().empty()) arguments.SetSslTargetNameOverride(config_.server_name());
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  if (token_ != nullptr) interceptors.push_back(std::make_unique<TokenInterceptorFactory>(token_));
  return grpc::experimental::CreateCustomChannelWithInterceptors(address, credentials_, arguments,
                                                                 std::move(interceptors));
}

}  // namespace mentat::service
