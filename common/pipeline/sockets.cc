#include "common/pipeline/sockets.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/pipeline/resolver.h"
#include "zmq.hpp"

namespace mentat::pipeline {
namespace {

constexpr int kMessagesPerPoll = 256;
constexpr int kMaxSockets = 8192;

// What libzmq calls `tcp://[::ffff:127.0.0.1]:5571` since its sockets speak both families.
std::string Unmapped(std::string endpoint) {
  constexpr std::string_view kMapped = "tcp://[::ffff:";
  const size_t bracket = endpoint.find(']');
  if (!endpoint.starts_with(kMapped) || bracket == std::string::npos) return endpoint;
  return "tcp://" + endpoint.substr(kMapped.size(), bracket - kMapped.size()) +
         endpoint.substr(bracket + 1);
}

}  // namespace

struct Sockets::Impl {
  struct Peer {
    zmq::socket_t push;
    zmq::socket_t monitor;
  };

  explicit Impl(const Options& options) : options(options), wake_fd(eventfd(0, EFD_NONBLOCK)) {
    context.set(zmq::ctxopt::max_sockets, kMaxSockets);
  }
  ~Impl() {
    // A monitor that nobody reads any more would block the context's thread.
    for (auto& [id, peer] : peers) zmq_socket_monitor(peer.push.handle(), nullptr, 0);
    close(wake_fd);
  }

  zmq::socket_t Make(zmq::socket_type type) {
    zmq::socket_t socket(context, type);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::ipv6, true);
    socket.set(zmq::sockopt::maxmsgsize, options.max_frame_bytes);
    socket.set(zmq::sockopt::handshake_ivl, 5000);
    socket.set(zmq::sockopt::heartbeat_ivl, static_cast<int>(options.heartbeat.count()));
    socket.set(zmq::sockopt::heartbeat_timeout,
               static_cast<int>(options.heartbeat_timeout.count()));
    socket.set(zmq::sockopt::heartbeat_ttl, static_cast<int>(options.heartbeat_timeout.count()));
    socket.set(zmq::sockopt::reconnect_ivl, 50);
    socket.set(zmq::sockopt::reconnect_ivl_max, 1000);
    return socket;
  }

  void ReadMonitor(uint32_t id, Peer& peer, const Handlers& handlers) {
    zmq::message_t message;
    while (peer.monitor.recv(message, zmq::recv_flags::dontwait)) {
      uint16_t event = 0;
      if (message.size() >= sizeof(event)) std::memcpy(&event, message.data(), sizeof(event));
      if (peer.monitor.get(zmq::sockopt::rcvmore)) {
        (void)peer.monitor.recv(message, zmq::recv_flags::dontwait);
      }
      if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) handlers.on_connected(id);
      if (event == ZMQ_EVENT_DISCONNECTED) handlers.on_disconnected(id);
    }
  }

  static void ReadFrames(zmq::socket_t& socket,
                         const std::function<void(std::string_view)>& handle) {
    zmq::message_t message;
    for (int i = 0; i < kMessagesPerPoll && socket.recv(message, zmq::recv_flags::dontwait); ++i) {
      handle(message.to_string_view());
    }
  }

  const Options options;
  zmq::context_t context{1};
  int wake_fd;
  std::optional<zmq::socket_t> input;
  std::optional<zmq::socket_t> ack;
  std::map<uint32_t, Peer> peers;
  std::map<std::string, zmq::socket_t> ack_peers;
  uint64_t next_monitor = 0;
};

Sockets::Sockets(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sockets::~Sockets() = default;

absl::StatusOr<std::unique_ptr<Sockets>> Sockets::Create(const Options& options) {
  auto sockets = std::unique_ptr<Sockets>(new Sockets(std::make_unique<Impl>(options)));
  Impl& impl = *sockets->impl_;
  const auto bind = [&](const std::string& endpoint, std::optional<zmq::socket_t>& socket,
                        std::string& bound) -> absl::Status {
    if (endpoint.empty()) return absl::OkStatus();
    try {
      socket.emplace(impl.Make(zmq::socket_type::pull));
      socket->bind(endpoint);
      bound = Unmapped(socket->get(zmq::sockopt::last_endpoint));
    } catch (const zmq::error_t& error) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot bind ", endpoint, ": ", error.what()));
    }
    return absl::OkStatus();
  };
  if (absl::Status status = bind(options.input_bind, impl.input, sockets->input_endpoint_);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = bind(options.ack_bind, impl.ack, sockets->ack_endpoint_);
      !status.ok()) {
    return status;
  }
  return sockets;
}

absl::Status Sockets::AddPeer(uint32_t id, const std::string& endpoint) {
  try {
    zmq::socket_t push = impl_->Make(zmq::socket_type::push);
    push.set(zmq::sockopt::immediate, true);
    push.set(zmq::sockopt::connect_timeout, 3000);
    const std::string monitor_address = absl::StrCat("inproc://monitor-", impl_->next_monitor++);
    if (zmq_socket_monitor(push.handle(), monitor_address.c_str(),
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0) {
      return absl::InternalError(absl::StrCat("cannot watch the connection to ", endpoint, ": ",
                                              zmq_strerror(zmq_errno())));
    }
    zmq::socket_t monitor(impl_->context, zmq::socket_type::pair);
    monitor.set(zmq::sockopt::linger, 0);
    monitor.connect(monitor_address);
    push.connect(endpoint);
    impl_->peers.insert_or_assign(id, Impl::Peer{std::move(push), std::move(monitor)});
  } catch (const zmq::error_t& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot connect to ", endpoint, ": ", error.what()));
  }
  return absl::OkStatus();
}

void Sockets::RemovePeer(uint32_t id) {
  const auto it = impl_->peers.find(id);
  if (it == impl_->peers.end()) return;
  zmq_socket_monitor(it->second.push.handle(), nullptr, 0);
  impl_->peers.erase(it);
}

bool Sockets::SendToPeer(uint32_t id, std::string_view frame) {
  const auto it = impl_->peers.find(id);
  if (it == impl_->peers.end()) return false;
  try {
    return it->second.push.send(zmq::buffer(frame), zmq::send_flags::dontwait).has_value();
  } catch (const zmq::error_t&) {
    return false;
  }
}

absl::Status Sockets::SendAck(const std::string& endpoint, std::string_view frame) {
  auto it = impl_->ack_peers.find(endpoint);
  try {
    if (it == impl_->ack_peers.end()) {
      if (!IsNumeric(endpoint)) {
        return absl::InvalidArgumentError(
            absl::StrCat("acknowledgement endpoint ", endpoint, " is not numeric"));
      }
      zmq::socket_t push = impl_->Make(zmq::socket_type::push);
      push.connect(endpoint);
      it = impl_->ack_peers.emplace(endpoint, std::move(push)).first;
    }
    if (!it->second.send(zmq::buffer(frame), zmq::send_flags::dontwait)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("acknowledgements to ", endpoint, " pile up"));
    }
  } catch (const zmq::error_t& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot send acknowledgements to ", endpoint, ": ", error.what()));
  }
  return absl::OkStatus();
}

void Sockets::ForgetAck(const std::string& endpoint) { impl_->ack_peers.erase(endpoint); }

void Sockets::Poll(std::chrono::milliseconds timeout, const Handlers& handlers) {
  std::vector<zmq::pollitem_t> items;
  items.push_back({nullptr, impl_->wake_fd, ZMQ_POLLIN, 0});
  if (impl_->ack) items.push_back({impl_->ack->handle(), 0, ZMQ_POLLIN, 0});
  for (auto& [id, peer] : impl_->peers) items.push_back({peer.monitor.handle(), 0, ZMQ_POLLIN, 0});
  if (impl_->input) items.push_back({impl_->input->handle(), 0, ZMQ_POLLIN, 0});
  try {
    zmq::poll(items, timeout);
    uint64_t wakes = 0;
    if ((items[0].revents & ZMQ_POLLIN) != 0) (void)!read(impl_->wake_fd, &wakes, sizeof(wakes));
    // Acknowledgements first: what a peer settled before it went must count before its going.
    if (impl_->ack) Impl::ReadFrames(*impl_->ack, handlers.on_ack);
    std::vector<uint32_t> ids;
    for (const auto& [id, peer] : impl_->peers) ids.push_back(id);
    for (const uint32_t id : ids) {
      if (const auto it = impl_->peers.find(id); it != impl_->peers.end()) {
        impl_->ReadMonitor(id, it->second, handlers);
      }
    }
    if (impl_->input) Impl::ReadFrames(*impl_->input, handlers.on_input);
  } catch (const zmq::error_t& error) {
    // Interrupted by a signal: the next round will see what there is.
    if (error.num() != EINTR) throw;
  }
}

void Sockets::Wake() {
  const uint64_t one = 1;
  (void)!write(impl_->wake_fd, &one, sizeof(one));
}

void Sockets::LingerForAcks(std::chrono::milliseconds time) {
  for (auto& [endpoint, socket] : impl_->ack_peers) {
    socket.set(zmq::sockopt::linger, static_cast<int>(time.count()));
  }
}

}  // namespace mentat::pipeline
