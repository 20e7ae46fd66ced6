// Channels to the control planes of other processes: encrypted, with the certificate and the token
// of this process, as configured. Certificates and the token are read again when their files
// change, also under a channel that stands.
#ifndef COMMON_SERVICE_ACCESS_ADMIN_CLIENT_H_
#define COMMON_SERVICE_ACCESS_ADMIN_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "mentat/config/v1/common.pb.h"

namespace grpc {
class Channel;
class ChannelArguments;
class ChannelCredentials;
}  // namespace grpc

namespace mentat::service {

class TokenSource;

// Thread-safe. Channels go on when the client is gone.
class AdminClient {
 public:
  // Reads the files once. Errors name the file, never what is in it.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Create(
      const config::v1::AdminClientConfig& config);
  ~AdminClient();

  // A channel to host:port, which connects with its first call. FailedPrecondition if the token
  // would go over the network in the clear.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& address) const;
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& address,
                                                         grpc::ChannelArguments arguments) const;

 private:
  explicit AdminClient(const config::v1::AdminClientConfig& config);

  const config::v1::AdminClientConfig config_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::shared_ptr<TokenSource> token_;  // null if there is none to send
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_ADMIN_CLIENT_H_
