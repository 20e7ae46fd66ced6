#include "common/pipeline/watched_socket.h"

#include <cstring>
#include <string>
#include <utility>

#include "common/pipeline/refusal.h"

namespace mentat::pipeline {

WatchedSocket::WatchedSocket(zmq::context_t& context, zmq::socket_t socket, int events,
                             uint64_t number)
    : socket_(std::move(socket)), monitor_(context, zmq::socket_type::pair) {
  const std::string address = "inproc://monitor-" + std::to_string(number);
  if (zmq_socket_monitor(socket_.handle(), address.c_str(), events) != 0) throw zmq::error_t();
  monitor_.set(zmq::sockopt::linger, 0);
  // The thread that serves all connections must never wait for whoever reads the events.
  monitor_.set(zmq::sockopt::rcvhwm, 0);
  monitor_.connect(address);
}

WatchedSocket::~WatchedSocket() { StopWatching(); }

WatchedSocket& WatchedSocket::operator=(WatchedSocket&& other) noexcept {
  if (this != &other) {
    StopWatching();
    socket_ = std::move(other.socket_);
    monitor_ = std::move(other.monitor_);
  }
  return *this;
}

void WatchedSocket::StopWatching() {
  if (socket_.handle() != nullptr) zmq_socket_monitor(socket_.handle(), nullptr, 0);
}

void WatchedSocket::ReadEvents(const std::function<void(uint16_t, uint32_t)>& handle) {
  zmq::message_t message;
  while (monitor_.recv(message, zmq::recv_flags::dontwait)) {
    uint16_t event = 0;
    uint32_t value = 0;
    if (message.size() >= sizeof(event) + sizeof(value)) {
      std::memcpy(&event, message.data(), sizeof(event));
      std::memcpy(&value, message.data<char>() + sizeof(event), sizeof(value));
    }
    while (message.more()) (void)monitor_.recv(message);  // the endpoint; it is there already
    handle(event, value);
  }
}

std::string_view FailureReason(bool connected, uint16_t event, uint32_t value) {
  switch (event) {
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return refusal::kRefused;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      return refusal::kBroken;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) return refusal::kEncryption;
      // The client has put its greeting in a box for another key.
      if (value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC && !connected) {
        return refusal::kWrongServerKey;
      }
      return refusal::kMalformed;
    default:
      return {};
  }
}

}  // namespace mentat::pipeline
