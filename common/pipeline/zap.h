// Answers libzmq's question whether a client may come in, by its key (ZAP, RFC 27).
#ifndef COMMON_PIPELINE_ZAP_H_
#define COMMON_PIPELINE_ZAP_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "zmq.hpp"

namespace mentat::pipeline {

// At most one for a context. Not thread-safe. It must be there as long as the sockets that it is
// for: libzmq lets every key in when there is nobody to ask, though then without a `User-Id`.
class Zap {
 public:
  struct Request {
    std::string domain;      // of the socket that is connected to
    std::string address;     // of the client
    std::string public_key;  // of the client, proven; in Z85
  };

  static absl::StatusOr<Zap> Create(zmq::context_t& context);

  // To be polled for input.
  zmq::socket_t& socket() { return socket_; }
  // Answers all that has been asked. A client that is let in has its public key as `User-Id` in
  // each of its messages: a name would outlive the change of the key behind it.
  void Answer(const std::function<bool(const Request&)>& allow);

 private:
  explicit Zap(zmq::socket_t socket) : socket_(std::move(socket)) {}

  zmq::socket_t socket_;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_ZAP_H_
