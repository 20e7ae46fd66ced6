#include "services/controller/clients.h"

#include "grpcpp/grpcpp.h"

namespace mentat::controller {
namespace {

constexpr int kReconnectMs = 200;
constexpr int kMaxReconnectMs = 1000;
// The largest answers are the files of a reload.
constexpr int kMaxAnswerBytes = 64 << 20;

}  // namespace

std::shared_ptr<grpc::Channel> Clients::Connect(const std::string& address) const {
  grpc::ChannelArguments arguments;
  // An instance that comes back is to be seen at once.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  auto channel = admin_client_->Connect(address, arguments);
  if (channel.ok()) return *std::move(channel);
  log_.Error("an instance cannot be called", {{"address", address}, {"error", channel.status()}});
  return grpc::CreateCustomChannel(address, nullptr, arguments);
}

std::shared_ptr<Clients::Stub> Clients::Get(const std::string& address) {
  const MutexLock lock(mutex_);
  std::shared_ptr<Stub>& stub = stubs_[address];
  if (stub == nullptr) stub = stage::v1::StageAdmin::NewStub(Connect(address));
  return stub;
}

void Clients::KeepOnly(const std::set<std::string>& addresses) {
  const MutexLock lock(mutex_);
  std::erase_if(stubs_, [&](const auto& each) { return !addresses.contains(each.first); });
}

}  // namespace mentat::controller
