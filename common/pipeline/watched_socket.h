// A ZeroMQ socket together with what libzmq tells of its connections, and what that means.
#ifndef COMMON_PIPELINE_WATCHED_SOCKET_H_
#define COMMON_PIPELINE_WATCHED_SOCKET_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "zmq.hpp"

namespace mentat::pipeline {

// Not thread-safe. Throws zmq::error_t.
class WatchedSocket {
 public:
  // Watches the socket, which is neither bound nor connected yet, for `events` (ZMQ_EVENT_…).
  // `number` is its own among all of the context.
  WatchedSocket(zmq::context_t& context, zmq::socket_t socket, int events, uint64_t number);
  ~WatchedSocket();
  WatchedSocket(WatchedSocket&&) = default;
  WatchedSocket& operator=(WatchedSocket&& other) noexcept;

  zmq::socket_t& socket() { return socket_; }
  // To be polled for input.
  zmq::socket_t& monitor() { return monitor_; }

  // Hands over what has happened. The value of an event is what libzmq says it is: a file
  // descriptor, an errno, a status. `handle` must not destroy this socket.
  void ReadEvents(const std::function<void(uint16_t event, uint32_t value)>& handle);

 private:
  void StopWatching();

  zmq::socket_t socket_;
  zmq::socket_t monitor_;
};

// Why a handshake failed, by the event that says so: a reason of refusal.h for the end that
// `connected`, or the one that was connected to. Empty for other events.
std::string_view FailureReason(bool connected, uint16_t event, uint32_t value);

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_WATCHED_SOCKET_H_
