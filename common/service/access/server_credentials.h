// What the gRPC server of the control plane listens with: TLS from files or plain text, and a gate
// before every method of every service, those of gRPC itself included.
#ifndef COMMON_SERVICE_ACCESS_SERVER_CREDENTIALS_H_
#define COMMON_SERVICE_ACCESS_SERVER_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/service/access/gate.h"
#include "common/service/log.h"
#include "mentat/config/v1/common.pb.h"

namespace grpc {
class ServerContextBase;
class ServerCredentials;
}  // namespace grpc

namespace mentat::service {

// `tls` may be null: plain text. The files of TLS are looked at with each new connection, and read
// again where they have changed. InvalidArgument and NotFound name the file.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    std::shared_ptr<Gate> gate, const config::v1::TlsConfig* tls, const log::Logger& log);

// What the caller of a call in progress has shown.
Credentials CredentialsOf(const grpc::ServerContextBase& context);

// His name and role, for people: `token alice (operator)`.
std::string DescribeCaller(Gate& gate, const grpc::ServerContextBase& context);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_SERVER_CREDENTIALS_H_
