// Calls to the controller and to stages. Every call has a deadline.
#ifndef TOOLS_MENTATCTL_CLIENT_H_
#define TOOLS_MENTATCTL_CLIENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "tools/mentatctl/session.h"

namespace grpc {
class Channel;
}

namespace mentat::mentatctl {

inline constexpr absl::Duration kCallTimeout = absl::Seconds(60);

// One control plane. Thread-safe.
class Client {
 public:
  // The controller, as the session names it.
  static absl::StatusOr<Client> ToController(const Session& session);
  // The instance at host:port.
  static absl::StatusOr<Client> ToInstance(const Session& session, const std::string& address);

  // Calls the method that takes such a request: PauseRequest of the controller is Controller.Pause.
  // The error has the code of the call; the details of the status, if there are any, are its
  // payload kDetails. `timeout` is what holds where the session has none.
  absl::Status Call(const google::protobuf::Message& request, google::protobuf::Message* response,
                    absl::Duration timeout = kCallTimeout) const;

  // The same for a stream of responses, without a deadline: calls `take` when `response` has the
  // next one. Ends with OK when the stream does, when `take` returns false, and soon after `stop`.
  absl::Status Watch(const google::protobuf::Message& request, google::protobuf::Message* response,
                     const std::function<bool()>& take, std::stop_token stop = {}) const;

  static constexpr char kDetails[] = "type.googleapis.com/google.rpc.Status";

 private:
  Client(std::shared_ptr<grpc::Channel> channel, std::string name, std::optional<double> timeout);

  std::shared_ptr<grpc::Channel> channel_;
  std::string name_;  // for errors
  std::optional<double> timeout_seconds_;
};

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CLIENT_H_
