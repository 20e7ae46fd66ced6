// All ZeroMQ sockets of one stage, behind functions that never block and never throw.
// One thread uses it, but for Wake.
#ifndef COMMON_PIPELINE_SOCKETS_H_
#define COMMON_PIPELINE_SOCKETS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/pipeline/keyring.h"
#include "common/pipeline/refusal.h"
#include "common/pipeline/shared_bytes.h"

namespace mentat::pipeline {

class Sockets {
 public:
  struct Options {
    std::string input_bind;  // empty for a source
    std::string ack_bind;    // empty for a sink
    int64_t max_frame_bytes = 8 << 20;
    std::chrono::milliseconds heartbeat = std::chrono::seconds(1);
    std::chrono::milliseconds heartbeat_timeout = std::chrono::seconds(3);
    // With it every connection is encrypted, and stands only between keys that know each other;
    // null leaves all of them plain. No connection ever changes from the one to the other.
    std::shared_ptr<const Keyring> keyring;
  };

  // What Poll found.
  struct Handlers {
    // The frame may be kept. `key` is the sender's public key, proven and allowed; empty if all is
    // plain.
    std::function<void(SharedBytes frame, std::string_view key)> on_input;
    std::function<void(std::string_view frame)> on_ack;
    std::function<void(uint32_t peer)> on_connected;
    std::function<void(uint32_t peer)> on_disconnected;
    std::function<void(const Refusal& refusal)> on_refused;
  };

  static absl::StatusOr<std::unique_ptr<Sockets>> Create(const Options& options);
  ~Sockets();

  // The endpoints with the ports that were chosen.
  const std::string& input_endpoint() const { return input_endpoint_; }
  const std::string& ack_endpoint() const { return ack_endpoint_; }

  // Connects to a peer of the output, and connects again whenever the connection breaks. Of several
  // keys that the output allows, the peer's is found by trying them in turn.
  absl::Status AddPeer(uint32_t peer, const std::string& output, const std::string& endpoint);
  void RemovePeer(uint32_t peer);
  // Whether the socket took the frame, which then lives until it has left.
  bool SendToPeer(uint32_t peer, SharedBytes frame);

  // Where to send acknowledgements for the batches that came under `key` and name `endpoint`: the
  // socket there must belong to the same key.
  static std::string AckAddress(std::string_view key, std::string_view endpoint);
  // Connects to the address if need be. Its endpoint must be numeric: libzmq looks names up in the
  // thread that serves all connections.
  absl::Status SendAck(const std::string& address, std::string_view frame);
  void ForgetAck(const std::string& address);

  // Other keys are allowed from now on: connections of those that are not are closed or, where they
  // were made by others, deaf. Encrypted sockets only; the own key stays.
  void SetKeyring(std::shared_ptr<const Keyring> keyring);

  // Waits until something arrives, Wake is called or the time is over; handles what has come,
  // though no more than a few hundred messages.
  void Poll(std::chrono::milliseconds timeout, const Handlers& handlers);
  // Ends a Poll from another thread.
  void Wake();

  // Lets the acknowledgements that are on their way leave when the sockets close.
  void LingerForAcks(std::chrono::milliseconds time);

 private:
  struct Impl;
  explicit Sockets(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  std::string input_endpoint_;
  std::string ack_endpoint_;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_SOCKETS_H_
