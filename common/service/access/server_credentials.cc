#include "common/service/access/server_credentials.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/access/certificate_files.h"
#include "grpc/grpc.h"
#include "grpc/grpc_security.h"
#include "grpc/slice.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_context.h"

// gRPC's C interface, because in C++ neither plain text can have a gate, nor can TLS be given
// certificates that were checked.
namespace mentat::service {
namespace {

constexpr std::string_view kPath = ":path";
constexpr std::string_view kAuthorization = "authorization";

// What the library calls back to; its own from when it is given away.
struct State {
  std::shared_ptr<Gate> gate;
  std::unique_ptr<CertificateFiles> files;  // null where all is plain
};

std::string_view View(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

void AddProperties(const grpc_auth_context* context, const char* name,
                   std::vector<std::string>& values) {
  grpc_auth_property_iterator each = grpc_auth_context_find_properties_by_name(context, name);
  while (const grpc_auth_property* property = grpc_auth_property_iterator_next(&each)) {
    values.emplace_back(property->value, property->value_length);
  }
}

void Process(void* state, grpc_auth_context* context, const grpc_metadata* metadata, size_t count,
             grpc_process_auth_metadata_done_cb done, void* user_data) {
  Credentials credentials;
  AddProperties(context, GRPC_X509_CN_PROPERTY_NAME, credentials.certificate_names);
  AddProperties(context, GRPC_X509_SAN_PROPERTY_NAME, credentials.certificate_names);
  std::string method;
  for (size_t i = 0; i < count; ++i) {
    if (View(metadata[i].key) == kPath) method = View(metadata[i].value);
    if (View(metadata[i].key) == kAuthorization) {
      credentials.authorization.emplace_back(View(metadata[i].value));
    }
  }
  const absl::Status status = static_cast<State*>(state)->gate->Admit(method, credentials);
  const std::string message(status.message());
  done(user_data, nullptr, 0, nullptr, 0, static_cast<grpc_status_code>(status.code()),
       status.ok() ? nullptr : message.c_str());
}

void Destroy(void* state) { delete static_cast<State*>(state); }

grpc_ssl_certificate_config_reload_status Fetch(void* state,
                                                grpc_ssl_server_certificate_config** config) {
  const std::optional<Certificates> changed = static_cast<State*>(state)->files->TakeChanged();
  if (!changed.has_value()) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const grpc_ssl_pem_key_cert_pair pair = {changed->key.c_str(), changed->certificate.c_str()};
  // The library wants authorities in any case; where callers are not asked it never looks at them.
  const std::string& authorities =
      changed->client_authorities.empty() ? changed->certificate : changed->client_authorities;
  *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

// Takes the state.
grpc_server_credentials* MakeCore(State* state) {
  grpc_server_credentials* credentials = nullptr;
  if (state->files == nullptr) {
    credentials = grpc_insecure_server_credentials_create();
  } else {
    const auto request = state->files->asks_callers()
                             ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                             : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    credentials = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(request, Fetch, state));
  }
  grpc_server_credentials_set_auth_metadata_processor(credentials, {Process, Destroy, state});
  return credentials;
}

class GatedCredentials final : public grpc::ServerCredentials {
 public:
  explicit GatedCredentials(State* state) : credentials_(MakeCore(state)) {}
  ~GatedCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    std::shared_ptr<Gate> gate, const config::v1::TlsConfig* tls, const log::Logger& log) {
  auto state = std::make_unique<State>();
  state->gate = std::move(gate);
  if (tls != nullptr) {
    RETURN_IF_ERROR(ReadCertificates(*tls).status());
    state->files = std::make_unique<CertificateFiles>(*tls, log);
  }
  return std::make_shared<GatedCredentials>(state.release());
}

Credentials CredentialsOf(const grpc::ServerContextBase& context) {
  Credentials credentials;
  const std::shared_ptr<const grpc::AuthContext> shown = context.auth_context();
  for (const char* name : {GRPC_X509_CN_PROPERTY_NAME, GRPC_X509_SAN_PROPERTY_NAME}) {
    if (shown == nullptr) continue;
    for (const grpc::string_ref& value : shown->FindPropertyValues(name)) {
      credentials.certificate_names.emplace_back(value.data(), value.size());
    }
  }
  const auto& metadata = context.client_metadata();
  const auto [begin, end] = metadata.equal_range({kAuthorization.data(), kAuthorization.size()});
  for (auto each = begin; each != end; ++each) {
    credentials.authorization.emplace_back(each->second.data(), each->second.size());
  }
  return credentials;
}

std::string DescribeCaller(Gate& gate, const grpc::ServerContextBase& context) {
  const absl::StatusOr<Caller> caller = gate.Identify(CredentialsOf(context));
  if (!caller.ok()) return "unknown";  // his token was taken out a moment ago
  return absl::StrCat(caller->name, " (", std::string(RoleName(caller->role)), ")");
}

}  // namespace mentat::service
