#include "common/service/access/audit.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/utf8.h"
#include "common/service/access/roles.h"
#include "common/service/access/server_credentials.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "grpcpp/server_context.h"

namespace mentat::service {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using grpc::experimental::InterceptionHookPoints;

constexpr size_t kMaxRequestBytes = 64 << 10;  // larger ones are not looked into
constexpr size_t kMaxShownBytes = 1000;

// The message behind what an interceptor is given. Every generated message derives from this alone.
const Message& AsMessage(const void* message) { return *static_cast<const Message*>(message); }

// Files and the like, in which anything may stand.
void ClearBytes(Message& message) {
  std::vector<const FieldDescriptor*> fields;
  const auto& reflection = *message.GetReflection();
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->type() == FieldDescriptor::TYPE_BYTES) {
      reflection.ClearField(&message, field);
    } else if (field->type() != FieldDescriptor::TYPE_MESSAGE) {
      continue;
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        ClearBytes(*reflection.MutableRepeatedMessage(&message, field, i));
      }
    } else {
      ClearBytes(*reflection.MutableMessage(&message, field));
    }
  }
}

void Shorten(std::string& text) {
  if (text.size() <= kMaxShownBytes) return;
  text.resize(Utf8Prefix(text, kMaxShownBytes).size());
  text += "...";
}

std::string Show(const Message& request) {
  if (request.ByteSizeLong() > kMaxRequestBytes) {
    return absl::StrCat(request.ByteSizeLong(), " bytes");
  }
  const std::unique_ptr<Message> copy(request.New());
  copy->CopyFrom(request);
  ClearBytes(*copy);
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(*copy, &json, options).ok()) return "";
  Shorten(json);
  return json;
}

// The result of one instance: an InstanceResult, or what holds one as `result`.
const controller::v1::InstanceResult* ResultOf(const Message& message) {
  const auto* type = controller::v1::InstanceResult::descriptor();
  if (message.GetDescriptor() == type) {
    return static_cast<const controller::v1::InstanceResult*>(&message);
  }
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("result");
  if (field == nullptr || field->message_type() != type || field->is_repeated()) return nullptr;
  return static_cast<const controller::v1::InstanceResult*>(
      &message.GetReflection()->GetMessage(message, field));
}

// What a call on several instances has to say of those that failed; empty if none did.
std::string Failures(const Message& response) {
  const FieldDescriptor* field = response.GetDescriptor()->FindFieldByName("results");
  if (field == nullptr || !field->is_repeated() || field->message_type() == nullptr) return "";
  const int all = response.GetReflection()->FieldSize(response, field);
  int failed = 0;
  std::string first;
  for (int i = 0; i < all; ++i) {
    const auto* result = ResultOf(response.GetReflection()->GetRepeatedMessage(response, field, i));
    if (result == nullptr || result->code() == 0) continue;
    if (failed++ == 0) first = result->error();
  }
  if (failed == 0) return "";
  return absl::StrCat(failed, " of ", all, " instances failed: ", first);
}

class AuditInterceptor final : public grpc::experimental::Interceptor {
 public:
  AuditInterceptor(grpc::experimental::ServerRpcInfo& info, Gate& gate, const log::Logger& log,
                   AuditSink* sink)
      : info_(info), gate_(gate), log_(log), sink_(sink) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      Begin();
    }
    // Of services that are not the project's nobody knows what their messages are.
    const bool known = HasRule(info_.method());
    if (known && methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE) &&
        methods->GetRecvMessage() != nullptr) {
      record_.set_request(Show(AsMessage(methods->GetRecvMessage())));
    }
    if (known && methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE) &&
        methods->GetSendMessage() != nullptr) {
      record_.set_error(Failures(AsMessage(methods->GetSendMessage())));
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      End(methods->GetSendStatus());
    }
    methods->Proceed();
  }

 private:
  void Begin() {
    const std::string_view method(info_.method());
    record_.set_call(std::string(method.substr(method.rfind('/') + 1)));
    record_.set_peer(info_.server_context()->peer());
    record_.set_caller(DescribeCaller(gate_, *info_.server_context()));
  }

  void End(const grpc::Status& status) {
    const int64_t micros = absl::ToUnixMicros(absl::Now());
    record_.mutable_time()->set_seconds(micros / 1'000'000);
    record_.mutable_time()->set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1000);
    record_.set_code(status.error_code());
    if (!status.ok()) {
      std::string error = status.error_message();
      Shorten(error);
      record_.set_error(error);
    }
    log_.Unlimited().Info("changing call", {{"call", record_.call()},
                                            {"caller", record_.caller()},
                                            {"peer", record_.peer()},
                                            {"request", record_.request()},
                                            {"code", record_.code()},
                                            {"error", record_.error()}});
    if (sink_ != nullptr) sink_->Write(record_);
  }

  grpc::experimental::ServerRpcInfo& info_;
  Gate& gate_;
  const log::Logger& log_;
  AuditSink* const sink_;
  controller::v1::AuditRecord record_;
};

class AuditInterceptorFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  AuditInterceptorFactory(std::shared_ptr<Gate> gate, log::Logger log, AuditSink* sink)
      : gate_(std::move(gate)), log_(std::move(log)), sink_(sink) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    if (!RuleOf(info->method()).changes) return nullptr;
    return new AuditInterceptor(*info, *gate_, log_, sink_);  // the call owns it
  }

 private:
  const std::shared_ptr<Gate> gate_;
  const log::Logger log_;
  AuditSink* const sink_;
};

}  // namespace

std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
MakeAuditInterceptors(std::shared_ptr<Gate> gate, log::Logger log, AuditSink* sink) {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(
      std::make_unique<AuditInterceptorFactory>(std::move(gate), std::move(log), sink));
  return interceptors;
}

}  // namespace mentat::service
