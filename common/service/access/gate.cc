#include "common/service/access/gate.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/host_port.h"
#include "common/service/metrics.h"
#include "prometheus/counter.h"

namespace mentat::service {
namespace {

constexpr size_t kMaxShownMethod = 200;
constexpr std::string_view kScheme = "Bearer ";

bool HasCallers(const config::v1::AccessConfig& access) {
  return !access.tokens_file().empty() || !access.certificate_roles().empty();
}

Role AnonymousRole(const config::v1::AccessConfig& access, bool loopback) {
  if (!access.anonymous_role().empty()) {
    return ParseRole(access.anonymous_role()).value_or(Role::kNone);
  }
  return HasCallers(access) || !loopback ? Role::kNone : Role::kAdmin;
}

absl::Status CheckConfig(const config::v1::ServiceConfig& config, bool loopback) {
  const config::v1::AccessConfig& access = config.access();
  const bool authorities = config.has_tls() && !config.tls().client_ca_file().empty();
  if (!access.certificate_roles().empty() && !authorities) {
    return absl::InvalidArgumentError(
        "service.access.certificate_roles: has no effect without service.tls.client_ca_file");
  }
  if (authorities && access.certificate_roles().empty()) {
    return absl::InvalidArgumentError(
        "service.tls.client_ca_file: has no effect without service.access.certificate_roles");
  }
  if (loopback) return absl::OkStatus();
  if (!config.has_tls() && !access.allow_plaintext()) {
    return absl::FailedPreconditionError(
        absl::StrCat("service.admin_listen: ", config.admin_listen(),
                     " is not a loopback address, and the control plane would be plain there; give "
                     "service.tls, or "
                     "say service.access.allow_plaintext"));
  }
  if (!HasCallers(access) && access.anonymous_role().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "service.admin_listen: ", config.admin_listen(),
        " is not a loopback address, and nobody could call the control plane there; give "
        "service.access.tokens_file or service.access.certificate_roles, or say "
        "service.access.anonymous_role"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gate>> Gate::Create(GateOptions options) {
  ASSIGN_OR_RETURN(const HostPort listen, ParseHostPort(options.config.admin_listen()));
  ASSIGN_OR_RETURN(const std::string address, NumericAddress(listen));
  ASSIGN_OR_RETURN(const HostPort numeric, ParseHostPort(address));
  const bool loopback = IsLoopback(numeric.host);
  RETURN_IF_ERROR(CheckConfig(options.config, loopback));
  const std::string& file = options.config.access().tokens_file();
  const FileStamp stamp = StampOf(file);
  TokenTable tokens;
  if (!file.empty()) {
    absl::StatusOr<TokenTable> read = TokenTable::Read(file);
    if (!read.ok()) {
      return absl::Status(read.status().code(),
                          absl::StrCat("service.access.tokens_file: ", read.status().message()));
    }
    tokens = *std::move(read);
  }
  std::unique_ptr<Gate> gate(
      new Gate(options, AnonymousRole(options.config.access(), loopback), std::move(tokens)));
  const MutexLock lock(gate->mutex_);
  gate->tokens_stamp_ = stamp;
  return gate;
}

Gate::Gate(const GateOptions& options, Role anonymous_role, TokenTable tokens)
    : config_(options.config.access()),
      anonymous_role_(anonymous_role),
      log_(options.log),
      unauthenticated_(AddCounter(*options.registry, "mentat_control_refused_calls_total",
                                  "Calls of the control plane that were refused.",
                                  {{"reason", "unauthenticated"}})),
      denied_(AddCounter(*options.registry, "mentat_control_refused_calls_total",
                         "Calls of the control plane that were refused.",
                         {{"reason", "permission_denied"}})),
      tokens_(std::move(tokens)) {}

void Gate::ReloadTokens() {
  if (config_.tokens_file().empty()) return;
  const FileStamp stamp = StampOf(config_.tokens_file());
  if (stamp == tokens_stamp_) return;
  tokens_stamp_ = stamp;
  absl::StatusOr<TokenTable> read = TokenTable::Read(config_.tokens_file());
  if (!read.ok()) {
    log_.Error("the tokens' file is wrong; the old tokens stay in use", {{"error", read.status()}});
    return;
  }
  tokens_ = *std::move(read);
  log_.Info("tokens read again", {{"tokens", tokens_.entries().size()}});
}

absl::StatusOr<Caller> Gate::Identify(const Credentials& credentials) {
  if (!credentials.authorization.empty()) {
    const std::string& header = credentials.authorization.front();
    if (credentials.authorization.size() > 1 || !absl::StartsWithIgnoreCase(header, "Bearer ")) {
      return absl::UnauthenticatedError("expected one header `authorization: Bearer TOKEN`");
    }
    const MutexLock lock(mutex_);
    ReloadTokens();
    const TokenEntry* entry = tokens_.Find(std::string_view(header).substr(kScheme.size()));
    if (entry == nullptr) return absl::UnauthenticatedError("the token is not known here");
    return Caller{absl::StrCat("token ", entry->name), entry->role};
  }
  std::optional<Caller> caller;
  for (const std::string& name : credentials.certificate_names) {
    const auto it = config_.certificate_roles().find(name);
    if (it == config_.certificate_roles().end()) continue;
    const Role role = ParseRole(it->second).value_or(Role::kNone);
    if (!caller.has_value() || caller->role < role) {
      caller = Caller{absl::StrCat("certificate ", name), role};
    }
  }
  if (caller.has_value()) return *caller;
  if (!credentials.certificate_names.empty()) {
    return Caller{absl::StrCat("certificate ", credentials.certificate_names.front()),
                  anonymous_role_};
  }
  return Caller{"anonymous", anonymous_role_};
}

absl::Status Gate::Check(std::string_view method, const Credentials& credentials) {
  const MethodRule rule = RuleOf(method);
  if (rule.role == Role::kNone) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Caller caller, Identify(credentials));
  if (caller.role >= rule.role) return absl::OkStatus();
  const std::string needs = absl::StrCat(std::string(method.substr(method.rfind('/') + 1)),
                                         " needs the role ", std::string(RoleName(rule.role)));
  const bool shown = !credentials.authorization.empty() || !credentials.certificate_names.empty();
  if (!shown && caller.role == Role::kNone) {
    return absl::UnauthenticatedError(
        absl::StrCat(needs, "; show a certificate that has a role here, or a token"));
  }
  return absl::PermissionDeniedError(
      absl::StrCat(needs, "; ", caller.name, " has the role ", std::string(RoleName(caller.role))));
}

absl::Status Gate::Admit(std::string_view method, const Credentials& credentials) {
  absl::Status status = Check(method, credentials);
  if (status.ok()) return status;
  (absl::IsUnauthenticated(status) ? unauthenticated_ : denied_).Increment();
  // The method comes from outside.
  log_.Warning("call refused", {{"call", method.substr(0, kMaxShownMethod)},
                                {"error", std::string(status.message())}});
  return status;
}

}  // namespace mentat::service
