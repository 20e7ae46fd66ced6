// Decides on each call of the control plane: who the caller is, and whether he may. Every call
// passes it before any other code of ours sees it.
#ifndef COMMON_SERVICE_ACCESS_GATE_H_
#define COMMON_SERVICE_ACCESS_GATE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/base/secret_file.h"
#include "common/service/access/roles.h"
#include "common/service/access/token_table.h"
#include "common/service/log.h"
#include "mentat/config/v1/common.pb.h"

namespace prometheus {
class Counter;
class Registry;
}  // namespace prometheus

namespace mentat::service {

// What a caller has shown.
struct Credentials {
  std::vector<std::string> certificate_names;  // common name, alternative names; of a valid one
  std::vector<std::string> authorization;      // values of the header
};

struct Caller {
  std::string name;  // `token alice`, `certificate controller`, `anonymous`
  Role role = Role::kNone;
};

struct GateOptions {
  config::v1::ServiceConfig config;  // of it: admin_listen, tls, access
  log::Logger log = log::Logger::Null();
  prometheus::Registry* registry = nullptr;  // outlives the gate
};

// Thread-safe. Blocks for a look at the tokens' file.
class Gate {
 public:
  // Blocks for the name service. FailedPrecondition if the configuration would let out what nobody
  // has allowed: plain text, or everybody, on an address that is not loopback. InvalidArgument
  // where it contradicts itself or the tokens' file is wrong.
  static absl::StatusOr<std::unique_ptr<Gate>> Create(GateOptions options);

  // Unauthenticated if something was shown that is nobody's.
  absl::StatusOr<Caller> Identify(const Credentials& credentials);
  // OK, or what gRPC is to answer: Unauthenticated, PermissionDenied, with what is missing. Counts
  // and logs what it refuses.
  absl::Status Admit(std::string_view method, const Credentials& credentials);

 private:
  Gate(const GateOptions& options, Role anonymous_role, TokenTable tokens);

  absl::Status Check(std::string_view method, const Credentials& credentials);
  void ReloadTokens() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const config::v1::AccessConfig config_;
  const Role anonymous_role_;
  const log::Logger log_;
  prometheus::Counter& unauthenticated_;
  prometheus::Counter& denied_;

  Mutex mutex_;
  FileStamp tokens_stamp_ ABSL_GUARDED_BY(mutex_);
  TokenTable tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_GATE_H_
