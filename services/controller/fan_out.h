// One call on many instances, on all of them at once.
#ifndef SERVICES_CONTROLLER_FAN_OUT_H_
#define SERVICES_CONTROLLER_FAN_OUT_H_

#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "services/controller/clients.h"
#include "services/controller/selection.h"

namespace mentat::controller {

// What an instance said.
template <typename Response>
struct Answer {
  grpc::Status status;
  Response response;
};

// A method of StageAdmin: &Clients::Stub::AsyncPause.
template <typename Request, typename Response>
using Method = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (Clients::Stub::*)(
    grpc::ClientContext*, const Request&, grpc::CompletionQueue*);

// The answers, in the order of the targets; each has `timeout` of its own, so that none holds up
// another. `requests` are one for each target, or a single one for all.
template <typename Request, typename Response>
std::vector<Answer<Response>> FanOut(Clients& clients, std::span<const Target> targets,
                                     Method<Request, Response> method,
                                     std::span<const Request> requests, absl::Duration timeout) {
  struct Call {
    std::shared_ptr<Clients::Stub> stub;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader;
  };
  const auto deadline = std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout);
  grpc::CompletionQueue queue;
  std::vector<Answer<Response>> answers(targets.size());
  std::vector<Call> calls(targets.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    Call& call = calls[i];
    call.stub = clients.Get(targets[i].address);
    call.context.set_deadline(deadline);
    call.reader =
        (*call.stub.*method)(&call.context, requests[requests.size() == 1 ? 0 : i], &queue);
    call.reader->Finish(&answers[i].response, &answers[i].status, &call);
  }
  void* tag = nullptr;
  bool ok = false;
  for (size_t i = 0; i < calls.size(); ++i) queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return answers;
}

template <typename Request, typename Response>
std::vector<Answer<Response>> FanOut(Clients& clients, std::span<const Target> targets,
                                     Method<Request, Response> method, const Request& request,
                                     absl::Duration timeout) {
  return FanOut(clients, targets, method, std::span<const Request>(&request, 1), timeout);
}

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_FAN_OUT_H_
