#include "services/controller/clients.h"

#include "grpcpp/grpcpp.h"

namespace mentat::controller {
namespace {

constexpr int kReconnectMs = 200;
constexpr int kMaxReconnectMs = 1000;
// The largest answers are the files of a reload.
constexpr int kMaxAnswerBytes = 64 << 20;

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  // An instance that comes back is to be seen at once.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

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
