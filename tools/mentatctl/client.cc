#include "tools/mentatctl/client.h"

#include <chrono>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/access/admin_client.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/support/proto_buffer_reader.h"

namespace mentat::mentatctl {
namespace {

using google::protobuf::Message;

constexpr int kMaxAnswerBytes = 64 << 20;

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Session& session,
                                                       const std::string& address) {
  ASSIGN_OR_RETURN(const std::unique_ptr<service::AdminClient> client,
                   service::AdminClient::Create(session.connection.client));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  return client->Connect(address, arguments);
}

// `/mentat.controller.v1.Controller/Pause` of a PauseRequest.
absl::StatusOr<std::string> MethodOf(const Message& request) {
  const google::protobuf::FileDescriptor& file = *request.GetDescriptor()->file();
  for (int i = 0; i < file.service_count(); ++i) {
    const google::protobuf::ServiceDescriptor& service = *file.service(i);
    for (int j = 0; j < service.method_count(); ++j) {
      if (service.method(j)->input_type() != request.GetDescriptor()) continue;
      return absl::StrCat("/", service.full_name(), "/", service.method(j)->name());
    }
  }
  return absl::InternalError(absl::StrCat("no method takes a ", request.GetTypeName()));
}

grpc::ByteBuffer Serialize(const Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

grpc::Status Parse(grpc::ByteBuffer& buffer, Message* message) {
  message->Clear();
  grpc::ProtoBufferReader reader(&buffer);
  if (message->ParseFromZeroCopyStream(&reader)) return grpc::Status::OK;
  return {grpc::StatusCode::INTERNAL, absl::StrCat("no ", message->GetTypeName())};
}

absl::Status FromGrpc(const grpc::Status& status, const std::string& name) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  const bool no_answer =
      (code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kDeadlineExceeded) &&
      status.error_details().empty();
  absl::Status error(
      code, no_answer ? absl::StrCat(name, ": ", status.error_message()) : status.error_message());
  if (!status.error_details().empty()) {
    error.SetPayload(Client::kDetails, absl::Cord(status.error_details()));
  }
  return error;
}

// The steps of a call, one after the other.
class Steps {
 public:
  grpc::CompletionQueue* queue() { return &queue_; }
  // Waits for the step that was begun; whether it succeeded.
  bool Done() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

 private:
  grpc::CompletionQueue queue_;
};

}  // namespace

Client::Client(std::shared_ptr<grpc::Channel> channel, std::string name,
               std::optional<double> timeout)
    : channel_(std::move(channel)), name_(std::move(name)), timeout_seconds_(timeout) {}

absl::StatusOr<Client> Client::ToController(const Session& session) {
  const std::string& address = session.connection.controller;
  ASSIGN_OR_RETURN(auto channel, Connect(session, address));
  return Client(std::move(channel), absl::StrCat("the controller does not answer: ", address),
                session.timeout_seconds);
}

absl::StatusOr<Client> Client::ToInstance(const Session& session, const std::string& address) {
  ASSIGN_OR_RETURN(auto channel, Connect(session, address));
  return Client(std::move(channel), address, session.timeout_seconds);
}

absl::Status Client::Call(const Message& request, Message* response, absl::Duration timeout) const {
  ASSIGN_OR_RETURN(const std::string method, MethodOf(request));
  if (timeout_seconds_.has_value()) timeout = absl::Seconds(*timeout_seconds_);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(timeout));
  Steps steps;
  const auto call = grpc::GenericStub(channel_).PrepareUnaryCall(&context, method,
                                                                 Serialize(request), steps.queue());
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  steps.Done();
  if (status.ok()) status = Parse(answer, response);
  return FromGrpc(status, name_);
}

absl::Status Client::Watch(const Message& request, Message* response,
                           const std::function<bool()>& take, std::stop_token stop) const {
  ASSIGN_OR_RETURN(const std::string method, MethodOf(request));
  grpc::ClientContext context;
  const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
  Steps steps;
  const auto call = grpc::GenericStub(channel_).PrepareCall(&context, method, steps.queue());
  call->StartCall(nullptr);
  bool ok = steps.Done();
  if (ok) {
    call->WriteLast(Serialize(request), {}, nullptr);
    ok = steps.Done();
  }
  grpc::Status unreadable;
  bool enough = false;
  for (grpc::ByteBuffer answer; ok && !enough;) {
    call->Read(&answer, nullptr);
    ok = steps.Done();
    if (!ok) break;
    unreadable = Parse(answer, response);
    enough = !unreadable.ok() || !take();
  }
  if (enough) context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  steps.Done();
  if (!unreadable.ok()) return FromGrpc(unreadable, name_);
  if (enough || stop.stop_requested()) return absl::OkStatus();
  return FromGrpc(status, name_);
}

}  // namespace mentat::mentatctl
