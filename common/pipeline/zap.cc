#include "common/pipeline/zap.h"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/pipeline/keys.h"

namespace mentat::pipeline {
namespace {

constexpr size_t kPublicKeyBytes = 32;
// version, request id, domain, address, routing id, mechanism, credentials…
constexpr size_t kParts = 7;

}  // namespace

absl::StatusOr<Zap> Zap::Create(zmq::context_t& context) {
  try {
    zmq::socket_t socket(context, zmq::socket_type::rep);
    socket.set(zmq::sockopt::linger, 0);
    socket.bind("inproc://zeromq.zap.01");
    return Zap(std::move(socket));
  } catch (const zmq::error_t& error) {
    return absl::InternalError(absl::StrCat("cannot check clients' keys: ", error.what()));
  }
}

void Zap::Answer(const std::function<bool(const Request&)>& allow) {
  std::vector<std::string> parts;
  zmq::message_t message;
  while (socket_.recv(message, zmq::recv_flags::dontwait)) {
    parts.clear();
    parts.push_back(message.to_string());
    while (message.more()) {
      (void)socket_.recv(message);
      parts.push_back(message.to_string());
    }
    Request request;
    bool allowed = false;
    if (parts.size() == kParts && parts[0] == "1.0" && parts[5] == "CURVE" &&
        parts[6].size() == kPublicKeyBytes) {
      request.domain = parts[2];
      request.address = parts[3];
      std::array<char, kKeyCharacters + 1> key;
      zmq_z85_encode(key.data(), reinterpret_cast<const uint8_t*>(parts[6].data()),
                     kPublicKeyBytes);
      request.public_key = key.data();
      allowed = allow(request);
    }
    const auto send = [&](std::string_view part, zmq::send_flags flags) {
      (void)socket_.send(zmq::buffer(part), flags);
    };
    send("1.0", zmq::send_flags::sndmore);
    send(parts.size() > 1 ? parts[1] : "", zmq::send_flags::sndmore);
    send(allowed ? "200" : "400", zmq::send_flags::sndmore);
    send(allowed ? "OK" : "not allowed", zmq::send_flags::sndmore);
    send(allowed ? request.public_key : "", zmq::send_flags::sndmore);
    send("", zmq::send_flags::none);
  }
}

}  // namespace mentat::pipeline
