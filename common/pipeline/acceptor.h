// A bound socket that frames come in on, and the connections to it that came to nothing.
#ifndef COMMON_PIPELINE_ACCEPTOR_H_
#define COMMON_PIPELINE_ACCEPTOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/pipeline/refusal.h"
#include "common/pipeline/watched_socket.h"

namespace mentat::pipeline {

// Not thread-safe. Throws zmq::error_t.
class Acceptor {
 public:
  using OnRefused = std::function<void(const Refusal&)>;

  // `socket` is not bound yet; `number` as for WatchedSocket.
  Acceptor(zmq::context_t& context, zmq::socket_t socket, const std::string& endpoint,
           uint64_t number);

  // With the port that was chosen.
  const std::string& endpoint() const { return endpoint_; }
  zmq::socket_t& socket() { return socket_.socket(); }
  // To be polled for input.
  zmq::socket_t& monitor() { return socket_.monitor(); }

  // Hands over the frames that are there, to be kept or not, though no more than a few hundred.
  // With `allowed`, only those that came under a key (proven, in Z85) that passes; `key` is empty
  // without.
  void ReadFrames(const std::function<bool(std::string_view key)>& allowed,
                  const std::function<void(zmq::message_t& frame, std::string_view key)>& handle,
                  const OnRefused& refused);
  // Tells of connections that were refused, but for those that the check of their key refused.
  void ReadEvents(const OnRefused& refused);

 private:
  struct Connection {
    std::string address;
    uint64_t succeeded_before = 0;
  };

  WatchedSocket socket_;
  std::string endpoint_;
  std::map<uint32_t, Connection> connections_;  // by file descriptor
  uint64_t succeeded_ = 0;                      // handshakes
  uint64_t refused_keys_ = 0;                   // whose connections have not ended yet
  std::string_view failure_;                    // of the connection whose end is told of next
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_ACCEPTOR_H_
