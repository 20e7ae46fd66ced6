#include "common/pipeline/sockets.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/pipeline/acceptor.h"
#include "common/pipeline/resolver.h"
#include "common/pipeline/watched_socket.h"
#include "common/pipeline/zap.h"

namespace mentat::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMaxSockets = 8192;
constexpr size_t kMaxFormerKeys = 4096;
constexpr milliseconds kFirstRetry(100);  // after all keys failed, then twice as long each time,
constexpr milliseconds kLastRetry(1000);  // up to this
constexpr int kLinkEvents = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                            ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                            ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
// The domains that libzmq asks about keys in.
constexpr std::string_view kInputDomain = "input";
constexpr std::string_view kAckDomain = "acknowledgements";

// A message up to this size may lie in a buffer that libzmq shares among several.
constexpr size_t kSharedBufferBytes = 8192;

// The message as something that can be kept: a small one must not hold a whole buffer.
SharedBytes Keep(zmq::message_t& message) {
  if (message.size() <= kSharedBufferBytes) return SharedBytes::Of(message.to_string());
  auto owner = std::make_shared<zmq::message_t>(std::move(message));
  const std::string_view bytes = owner->to_string_view();
  return {std::move(owner), bytes};
}

// What keeps the bytes of a message on its way through libzmq, whose threads give it up. The flag
// says what libzmq guarantees, where the thread sanitizer sees it: it was made before it is given
// up.
struct SentOwner {
  explicit SentOwner(std::shared_ptr<const void> owner) : owner(std::move(owner)) {
    made.store(true, std::memory_order_release);
  }
  static void GiveUp(void*, void* sent) {
    auto* self = static_cast<SentOwner*>(sent);
    if (self->made.load(std::memory_order_acquire)) delete self;
  }
  std::shared_ptr<const void> owner;
  std::atomic<bool> made = false;
};

// A message that is sent from where the bytes lie.
zmq::message_t MessageOf(SharedBytes frame) {
  auto owner = std::make_unique<SentOwner>(std::move(frame.owner));
  zmq::message_t message(const_cast<char*>(frame.bytes.data()), frame.bytes.size(),
                         &SentOwner::GiveUp, owner.get());
  owner.release();
  return message;
}

}  // namespace

struct Sockets::Impl {
  // A peer and the connection to it. libzmq gives some connections up for good: so each one that
  // broke or never stood is made anew, with the next key that its output allows.
  struct Peer {
    std::string output;
    std::string endpoint;
    std::optional<WatchedSocket> link;
    std::string key;  // that the link expects, or expected last
    bool up = false;
    std::set<std::string> failed_keys;  // since it was up
    int rounds = 0;                     // of all keys, in vain
    steady_clock::time_point due;       // for the next attempt, without a link
  };

  struct AckPeer {
    WatchedSocket link;
    std::string key;
    std::string endpoint;
    bool up = false;
    bool failed = false;  // this attempt
    bool dead = false;    // libzmq has given it up
  };

  explicit Impl(const Options& options)
      : options(options), keyring(options.keyring), wake_fd(eventfd(0, EFD_NONBLOCK)) {
    context.set(zmq::ctxopt::max_sockets, kMaxSockets);
  }
  ~Impl() { close(wake_fd); }

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
    if (keyring != nullptr) {
      socket.set(zmq::sockopt::curve_publickey, keyring->own.public_key);
      socket.set(zmq::sockopt::curve_secretkey, keyring->own.secret_key);
    }
    return socket;
  }

  Acceptor Bind(const std::string& endpoint, std::string_view domain) {
    zmq::socket_t socket = Make(zmq::socket_type::pull);
    if (keyring != nullptr) {
      socket.set(zmq::sockopt::curve_server, true);
      socket.set(zmq::sockopt::zap_domain, std::string(domain));
    }
    return {context, std::move(socket), endpoint, next_watched++};
  }

  WatchedSocket Connect(const std::string& endpoint, const std::string& server_key,
                        bool immediate) {
    zmq::socket_t socket = Make(zmq::socket_type::push);
    if (keyring != nullptr) socket.set(zmq::sockopt::curve_serverkey, server_key);
    if (immediate) {
      socket.set(zmq::sockopt::immediate, true);
      socket.set(zmq::sockopt::connect_timeout, 3000);
    }
    WatchedSocket link(context, std::move(socket), kLinkEvents, next_watched++);
    link.socket().connect(endpoint);
    return link;
  }

  const PublicKeys& AllowedKeys(const std::string& output) const {
    static const auto& none = *new PublicKeys();
    const auto it = keyring->receivers.find(output);
    return it == keyring->receivers.end() ? none : it->second;
  }

  // The key to try next: the one that was right before, then the others. None if all have failed.
  std::optional<std::string> NextKey(const Peer& peer) const {
    const auto may_try = [&](const std::string& key) { return !peer.failed_keys.contains(key); };
    if (keyring == nullptr) return may_try("") ? std::optional<std::string>("") : std::nullopt;
    const PublicKeys& allowed = AllowedKeys(peer.output);
    if (allowed.contains(peer.key) && may_try(peer.key)) return peer.key;
    for (const auto& [key, name] : allowed) {
      if (may_try(key)) return key;
    }
    return std::nullopt;
  }

  void Open(Peer& peer) {
    const std::optional<std::string> key = NextKey(peer);
    if (!key.has_value()) {  // none is allowed
      peer.due = steady_clock::time_point::max();
      return;
    }
    peer.key = *key;
    peer.up = false;
    peer.link.emplace(Connect(peer.endpoint, *key, /*immediate=*/true));
  }

  // The link is no longer of use; the next attempt is made at once, or after a while if no other
  // key is left to be tried. `failed` if the link never stood. Whether one is left.
  bool Close(Peer& peer, bool failed) {
    peer.link.reset();
    peer.up = false;
    peer.due = steady_clock::now();
    if (!failed) return true;
    peer.failed_keys.insert(peer.key);
    if (NextKey(peer).has_value()) return true;
    peer.failed_keys.clear();
    peer.due += std::min(kFirstRetry * (1 << std::min(peer.rounds++, 10)), kLastRetry);
    return false;
  }

  void ReadPeerEvents(uint32_t id, Peer& peer, const Handlers& handlers) {
    std::string_view failure;
    bool lost = false;
    peer.link->ReadEvents([&](uint16_t event, uint32_t value) {
      if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        failure = {};
        lost = false;
        peer.up = true;
        peer.failed_keys.clear();
        peer.rounds = 0;
        handlers.on_connected(id);
      } else if (event != ZMQ_EVENT_DISCONNECTED) {
        failure = FailureReason(/*connected=*/true, event, value);
      } else if (std::exchange(peer.up, false)) {
        lost = true;
        handlers.on_disconnected(id);
      } else if (failure.empty()) {
        failure = refusal::kMalformed;
      }
    });
    if (failure.empty() && !lost) return;
    const bool key_left = Close(peer, !failure.empty());
    // Who owns another key hangs up without a word: no news while there are others to try.
    if (failure.empty() || (failure == refusal::kBroken && key_left)) return;
    handlers.on_refused({.kind = Refusal::Kind::kAttempt,
                         .reason = failure,
                         .endpoint = peer.endpoint,
                         .from = "",
                         .key = peer.key});
  }

  static void ReadAckPeerEvents(AckPeer& peer, const Handlers& handlers) {
    const auto refuse = [&](std::string_view reason) {
      peer.failed = true;
      handlers.on_refused({.kind = Refusal::Kind::kAttempt,
                           .reason = reason,
                           .endpoint = peer.endpoint,
                           .from = "",
                           .key = peer.key});
    };
    peer.link.ReadEvents([&](uint16_t event, uint32_t value) {
      if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        peer.up = true;
        peer.failed = false;
      } else if (event != ZMQ_EVENT_DISCONNECTED) {
        refuse(FailureReason(/*connected=*/true, event, value));
        // After a connection that merely broke libzmq tries again by itself, with what is queued.
        if (event != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) peer.dead = true;
      } else if (!std::exchange(peer.up, false) && !std::exchange(peer.failed, false)) {
        refuse(refusal::kMalformed);
        peer.dead = true;
      }
    });
  }

  bool Allow(const Zap::Request& request, const Handlers& handlers) const {
    const bool input = request.domain == kInputDomain;
    if (input ? keyring->MaySend(request.public_key)
              : keyring->MayAcknowledge(request.public_key)) {
      return true;
    }
    const std::optional<Acceptor>& acceptor = input ? this->input : ack;
    handlers.on_refused({.kind = Refusal::Kind::kConnection,
                         .reason = former_keys.contains(request.public_key) ? refusal::kRevokedKey
                                                                            : refusal::kUnknownKey,
                         .endpoint = acceptor ? acceptor->endpoint() : "",
                         .from = request.address,
                         .key = request.public_key});
    return false;
  }

  // Opens what is due; the time until the next one is, up to `timeout`.
  milliseconds OpenDue(milliseconds timeout) {
    const steady_clock::time_point now = steady_clock::now();
    for (auto& [id, peer] : peers) {
      if (peer.link.has_value()) continue;
      if (peer.due <= now) {
        try {
          Open(peer);
        } catch (const zmq::error_t&) {
          Close(peer, /*failed=*/true);
        }
      }
      if (!peer.link.has_value() && peer.due < now + timeout) {
        timeout = std::max(milliseconds(1), std::chrono::ceil<milliseconds>(peer.due - now));
      }
    }
    return timeout;
  }

  const Options options;
  zmq::context_t context{1};
  std::shared_ptr<const Keyring> keyring;
  std::set<std::string> former_keys;  // that were allowed once
  int wake_fd;
  uint64_t next_watched = 0;
  std::optional<Zap> zap;
  std::optional<Acceptor> input;
  std::optional<Acceptor> ack;
  std::map<uint32_t, Peer> peers;
  std::vector<uint32_t> dropped;             // peers, not yet told of
  std::map<std::string, AckPeer> ack_peers;  // by AckAddress
};

Sockets::Sockets(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sockets::~Sockets() = default;

absl::StatusOr<std::unique_ptr<Sockets>> Sockets::Create(const Options& options) {
  auto sockets = std::unique_ptr<Sockets>(new Sockets(std::make_unique<Impl>(options)));
  Impl& impl = *sockets->impl_;
  if (impl.keyring != nullptr) {
    ASSIGN_OR_RETURN(impl.zap, Zap::Create(impl.context));
  }
  const auto bind = [&](const std::string& endpoint, std::string_view domain,
                        std::optional<Acceptor>& acceptor, std::string& bound) -> absl::Status {
    if (endpoint.empty()) return absl::OkStatus();
    try {
      acceptor.emplace(impl.Bind(endpoint, domain));
      bound = acceptor->endpoint();
    } catch (const zmq::error_t& error) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot bind ", endpoint, ": ", error.what()));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(bind(options.input_bind, kInputDomain, impl.input, sockets->input_endpoint_));
  RETURN_IF_ERROR(bind(options.ack_bind, kAckDomain, impl.ack, sockets->ack_endpoint_));
  return sockets;
}

absl::Status Sockets::AddPeer(uint32_t id, const std::string& output, const std::string& endpoint) {
  Impl::Peer peer;
  peer.output = output;
  peer.endpoint = endpoint;
  try {
    impl_->Open(peer);
  } catch (const zmq::error_t& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot connect to ", endpoint, ": ", error.what()));
  }
  impl_->peers.insert_or_assign(id, std::move(peer));
  return absl::OkStatus();
}

void Sockets::RemovePeer(uint32_t id) { impl_->peers.erase(id); }

bool Sockets::SendToPeer(uint32_t id, SharedBytes frame) {
  const auto it = impl_->peers.find(id);
  if (it == impl_->peers.end() || !it->second.link.has_value()) return false;
  try {
    return it->second.link->socket()
        .send(MessageOf(std::move(frame)), zmq::send_flags::dontwait)
        .has_value();
  } catch (const zmq::error_t&) {
    return false;
  }
}

std::string Sockets::AckAddress(std::string_view key, std::string_view endpoint) {
  if (key.empty()) return std::string(endpoint);
  return std::string(key) + " " + std::string(endpoint);
}

absl::Status Sockets::SendAck(const std::string& address, std::string_view frame) {
  std::string key;
  std::string endpoint = address;
  if (impl_->keyring != nullptr) {
    if (address.size() <= kKeyCharacters) return absl::InvalidArgumentError("no address");
    key = address.substr(0, kKeyCharacters);
    endpoint = address.substr(kKeyCharacters + 1);
    if (!impl_->keyring->MaySend(key)) {
      return absl::PermissionDeniedError(
          absl::StrCat("the key behind ", endpoint, " is no longer allowed"));
    }
  }
  auto it = impl_->ack_peers.find(address);
  try {
    if (it == impl_->ack_peers.end()) {
      if (!IsNumeric(endpoint)) {
        return absl::InvalidArgumentError(
            absl::StrCat("acknowledgement endpoint ", endpoint, " is not numeric"));
      }
      it = impl_->ack_peers
               .emplace(address, Impl::AckPeer{impl_->Connect(endpoint, key, /*immediate=*/false),
                                               key, endpoint})
               .first;
    }
    if (!it->second.link.socket().send(zmq::buffer(frame), zmq::send_flags::dontwait)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("acknowledgements to ", endpoint, " pile up"));
    }
  } catch (const zmq::error_t& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot send acknowledgements to ", endpoint, ": ", error.what()));
  }
  return absl::OkStatus();
}

void Sockets::ForgetAck(const std::string& address) { impl_->ack_peers.erase(address); }

void Sockets::SetKeyring(std::shared_ptr<const Keyring> keyring) {
  Impl& impl = *impl_;
  if (impl.keyring == nullptr || keyring == nullptr) return;
  const auto note = [&](const PublicKeys& keys) {
    for (const auto& [key, name] : keys) {
      if (impl.former_keys.size() < kMaxFormerKeys) impl.former_keys.insert(key);
    }
  };
  note(impl.keyring->senders);
  for (const auto& [output, keys] : impl.keyring->receivers) note(keys);
  impl.keyring = std::move(keyring);
  for (auto& [id, peer] : impl.peers) {
    if (peer.link.has_value() && !impl.AllowedKeys(peer.output).contains(peer.key)) {
      if (peer.up) impl.dropped.push_back(id);
      peer.link.reset();
      peer.up = false;
    }
    if (peer.link.has_value()) continue;
    peer.failed_keys.clear();
    peer.rounds = 0;
    peer.due = steady_clock::now();
  }
  std::erase_if(impl.ack_peers,
                [&](const auto& item) { return !impl.keyring->MaySend(item.second.key); });
}

void Sockets::Poll(milliseconds timeout, const Handlers& handlers) {
  Impl& impl = *impl_;
  try {
    for (const uint32_t id : std::exchange(impl.dropped, {})) handlers.on_disconnected(id);
    timeout = impl.OpenDue(timeout);
    std::vector<zmq::pollitem_t> items;
    const auto add = [&](zmq::socket_t& socket) {
      items.push_back({socket.handle(), 0, ZMQ_POLLIN, 0});
    };
    items.push_back({nullptr, impl.wake_fd, ZMQ_POLLIN, 0});
    if (impl.zap) add(impl.zap->socket());
    for (std::optional<Acceptor>* acceptor : {&impl.ack, &impl.input}) {
      if (!acceptor->has_value()) continue;
      add((*acceptor)->socket());
      add((*acceptor)->monitor());
    }
    for (auto& [id, peer] : impl.peers) {
      if (peer.link.has_value()) add(peer.link->monitor());
    }
    for (auto& [address, peer] : impl.ack_peers) add(peer.link.monitor());
    zmq::poll(items, timeout);
    uint64_t wakes = 0;
    if ((items[0].revents & ZMQ_POLLIN) != 0) (void)!read(impl.wake_fd, &wakes, sizeof(wakes));

    if (impl.zap) {
      impl.zap->Answer([&](const Zap::Request& request) { return impl.Allow(request, handlers); });
    }
    const bool encrypted = impl.keyring != nullptr;
    // Acknowledgements first: what a peer settled before it went must count before its going.
    if (impl.ack) {
      impl.ack->ReadFrames(
          encrypted ? [&](std::string_view key) { return impl.keyring->MayAcknowledge(key); }
                    : std::function<bool(std::string_view)>(),
          [&](zmq::message_t& message, std::string_view) {
            handlers.on_ack(message.to_string_view());
          },
          handlers.on_refused);
      impl.ack->ReadEvents(handlers.on_refused);
    }
    std::vector<uint32_t> ids;
    for (const auto& [id, peer] : impl.peers) ids.push_back(id);
    for (const uint32_t id : ids) {
      const auto it = impl.peers.find(id);
      if (it != impl.peers.end() && it->second.link.has_value()) {
        impl.ReadPeerEvents(id, it->second, handlers);
      }
    }
    for (auto& [address, peer] : impl.ack_peers) Impl::ReadAckPeerEvents(peer, handlers);
    std::erase_if(impl.ack_peers, [](const auto& item) { return item.second.dead; });
    if (impl.input) {
      impl.input->ReadFrames(
          encrypted ? [&](std::string_view key) { return impl.keyring->MaySend(key); }
                    : std::function<bool(std::string_view)>(),
          [&](zmq::message_t& message, std::string_view key) {
            handlers.on_input(Keep(message), key);
          },
          handlers.on_refused);
      impl.input->ReadEvents(handlers.on_refused);
    }
  } catch (const zmq::error_t& error) {
    // Interrupted by a signal: the next round will see what there is.
    if (error.num() != EINTR) throw;
  }
}

void Sockets::Wake() {
  const uint64_t one = 1;
  (void)!write(impl_->wake_fd, &one, sizeof(one));
}

void Sockets::LingerForAcks(milliseconds time) {
  for (auto& [address, peer] : impl_->ack_peers) {
    peer.link.socket().set(zmq::sockopt::linger, static_cast<int>(time.count()));
  }
}

}  // namespace mentat::pipeline
