#include "common/pipeline/acceptor.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <utility>

namespace mentat::pipeline {
namespace {

constexpr int kMessagesPerRead = 256;
constexpr int kEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED |
                        ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;

// What libzmq calls `tcp://[::ffff:127.0.0.1]:5571` since its sockets speak both families.
std::string Unmapped(std::string endpoint) {
  constexpr std::string_view kMapped = "tcp://[::ffff:";
  const size_t bracket = endpoint.find(']');
  if (!endpoint.starts_with(kMapped) || bracket == std::string::npos) return endpoint;
  return "tcp://" + endpoint.substr(kMapped.size(), bracket - kMapped.size()) +
         endpoint.substr(bracket + 1);
}

// The other end's IP address; empty if the connection is gone already.
std::string PeerAddress(uint32_t fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  std::array<char, NI_MAXHOST> host = {};
  if (::getpeername(static_cast<int>(fd), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host.data(), host.size(), nullptr,
                    0, NI_NUMERICHOST) != 0) {
    return "";
  }
  constexpr std::string_view kMapped = "::ffff:";
  const std::string_view text = host.data();
  return std::string(text.starts_with(kMapped) ? text.substr(kMapped.size()) : text);
}

std::string_view Property(zmq::message_t& message, const char* name) {
  const char* value = zmq_msg_gets(message.handle(), name);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

Acceptor::Acceptor(zmq::context_t& context, zmq::socket_t socket, const std::string& endpoint,
                   uint64_t number)
    : socket_(context, std::move(socket), kEvents, number) {
  socket_.socket().bind(endpoint);
  endpoint_ = Unmapped(socket_.socket().get(zmq::sockopt::last_endpoint));
}

void Acceptor::ReadFrames(const std::function<bool(std::string_view)>& allowed,
                          const std::function<void(zmq::message_t&, std::string_view)>& handle,
                          const OnRefused& refused) {
  zmq::message_t message;
  for (int i = 0; i < kMessagesPerRead && socket().recv(message, zmq::recv_flags::dontwait); ++i) {
    if (!allowed) {
      handle(message, {});
      continue;
    }
    const std::string_view key = Property(message, "User-Id");
    if (allowed(key)) {
      handle(message, key);
    } else {
      refused({.kind = Refusal::Kind::kFrame,
               .reason = refusal::kRevokedKey,
               .endpoint = endpoint_,
               .from = std::string(Property(message, "Peer-Address")),
               .key = std::string(key)});
    }
  }
}

void Acceptor::ReadEvents(const OnRefused& refused) {
  socket_.ReadEvents([&](uint16_t event, uint32_t value) {
    switch (event) {
      case ZMQ_EVENT_ACCEPTED:
        connections_[value] = {PeerAddress(value), succeeded_};
        return;
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        ++succeeded_;
        return;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        // Told of by whoever refused the key. The client is told too, and hangs up by and by.
        ++refused_keys_;
        return;
      case ZMQ_EVENT_DISCONNECTED:
        break;
      default:
        failure_ = FailureReason(/*connected=*/false, event, value);
        return;
    }
    const Connection connection = std::exchange(connections_[value], {});
    connections_.erase(value);
    // A failure is told of right before the end of its connection. Some have none: who says nothing
    // of ZeroMQ at all is hung up on. Such a connection is known by no handshake having succeeded
    // while it lasted.
    std::string_view reason = std::exchange(failure_, {});
    if (reason.empty()) {
      if (connection.succeeded_before != succeeded_) return;
      if (refused_keys_ > 0) {
        --refused_keys_;
        return;
      }
      reason = refusal::kMalformed;
    }
    refused({.kind = Refusal::Kind::kConnection,
             .reason = reason,
             .endpoint = endpoint_,
             .from = connection.address,
             .key = ""});
  });
}

}  // namespace mentat::pipeline
