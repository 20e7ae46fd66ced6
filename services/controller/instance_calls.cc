#include "services/controller/instance_calls.h"

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/controller/fan_out.h"
#include "services/controller/selection.h"

namespace mentat::controller {
namespace {

using Stub = Clients::Stub;

// Where a call goes and how long it may take.
struct Scope {
  Poller& poller;
  Clients& clients;
  absl::Duration timeout;
};

// Calls `take(target, answer)` for each instance that the selection means.
template <typename Request, typename Response, typename Take>
grpc::Status Each(const Scope& scope, const v1::Selection& selection,
                  Method<Request, Response> method, const Request& request, const Take& take) {
  const absl::StatusOr<std::vector<Target>> targets = scope.poller.Find(selection);
  if (!targets.ok()) return ToGrpc(targets.status());
  std::vector<Answer<Response>> answers =
      FanOut(scope.clients, *targets, method, request, scope.timeout);
  for (size_t i = 0; i < answers.size(); ++i) take((*targets)[i], answers[i]);
  return grpc::Status::OK;
}

// For calls that only succeed or fail.
template <typename Request, typename Response, typename Results>
grpc::Status Do(const Scope& scope, const v1::Selection& selection,
                Method<Request, Response> method, const Request& request, Results& results) {
  return Each(scope, selection, method, request,
              [&](const Target& target, const Answer<Response>& answer) {
                results.Add(MakeResult(target, answer.status));
              });
}

// For calls that ask something.
template <typename Request, typename Response, typename Instances>
grpc::Status Ask(const Scope& scope, const v1::Selection& selection,
                 Method<Request, Response> method, const Request& request, Instances& instances) {
  return Each(scope, selection, method, request,
              [&](const Target& target, Answer<Response>& answer) {
                auto& instance = *instances.Add();
                *instance.mutable_result() = MakeResult(target, answer.status);
                if (answer.status.ok()) *instance.mutable_answer() = std::move(answer.response);
              });
}

}  // namespace

grpc::Status InstanceCalls::Pause(const v1::PauseRequest& request, v1::PauseResponse& response) {
  return Do({poller_, clients_, timeout_}, request.selection(), &Stub::AsyncPause, {},
            *response.mutable_results());
}

grpc::Status InstanceCalls::Resume(const v1::ResumeRequest& request, v1::ResumeResponse& response) {
  return Do({poller_, clients_, timeout_}, request.selection(), &Stub::AsyncResume, {},
            *response.mutable_results());
}

grpc::Status InstanceCalls::Drain(const v1::DrainRequest& request, v1::DrainResponse& response) {
  return Do({poller_, clients_, timeout_}, request.selection(), &Stub::AsyncDrain, {},
            *response.mutable_results());
}

grpc::Status InstanceCalls::SetLogLevel(const v1::SetLogLevelRequest& request,
                                        v1::SetLogLevelResponse& response) {
  stage::v1::SetLogLevelRequest each;
  each.set_level(request.level());
  each.set_module(request.module());
  return Do({poller_, clients_, timeout_}, request.selection(), &Stub::AsyncSetLogLevel, each,
            *response.mutable_results());
}

grpc::Status InstanceCalls::GetConfig(const v1::GetConfigRequest& request,
                                      v1::GetConfigResponse& response) {
  return Ask({poller_, clients_, timeout_}, request.selection(), &Stub::AsyncGetConfig, {},
             *response.mutable_instances());
}

grpc::Status InstanceCalls::ListInFlight(const v1::ListInFlightRequest& request,
                                         v1::ListInFlightResponse& response) {
  stage::v1::ListInFlightRequest each;
  each.set_limit(request.limit());
  return Ask({poller_, clients_, timeout_}, request.selection(), &Stub::AsyncListInFlight, each,
             *response.mutable_instances());
}

grpc::Status InstanceCalls::GetLedger(const v1::GetLedgerRequest& request,
                                      v1::GetLedgerResponse& response) {
  return Ask({poller_, clients_, timeout_}, request.selection(), &Stub::AsyncGetLedger, {},
             *response.mutable_instances());
}

grpc::Status InstanceCalls::DumpRunlog(const v1::DumpRunlogRequest& request,
                                       v1::DumpRunlogResponse& response) {
  return Ask({poller_, clients_, timeout_}, request.selection(), &Stub::AsyncDumpRunlog, {},
             *response.mutable_instances());
}

}  // namespace mentat::controller
