#include "services/controller/tail_calls.h"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "services/controller/selection.h"

namespace mentat::controller {
namespace {

// gRPC tells of a reader that has gone only when it is asked.
constexpr std::chrono::milliseconds kLookInterval(500);

// The stream of one instance: begun, then read, at last finished. One step is under way at a time.
struct Source {
  enum class Step { kBegin, kRead, kFinish };

  Target target;
  std::shared_ptr<Clients::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReader<stage::v1::TailEventsResponse>> reader;
  Step step = Step::kBegin;
  stage::v1::TailEventsResponse message;
  grpc::Status status;
};

// Reads from all sources into one writer.
class Tail {
 public:
  Tail(const v1::TailEventsRequest& request, grpc::ServerWriter<v1::TailEventsResponse>& writer)
      : request_(request), writer_(writer) {}

  ~Tail() {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  void Add(const Target& target, Clients& clients) {
    auto source = std::make_unique<Source>();
    source->target = target;
    source->stub = clients.Get(target.address);
    source->reader =
        source->stub->PrepareAsyncTailEvents(&source->context, request_.tail(), &queue_);
    source->reader->StartCall(source.get());
    sources_.push_back(std::move(source));
    ++open_;
  }

  template <typename Ended>
  grpc::Status Run(const Ended& ended) {
    while (open_ > 0) {
      void* tag = nullptr;
      bool ok = false;
      const auto next =
          queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + kLookInterval);
      if (next == grpc::CompletionQueue::GOT_EVENT) Take(*static_cast<Source*>(tag), ok);
      if (!cancelled_ && ended()) Cancel();
    }
    return Outcome();
  }

 private:
  void Take(Source& source, bool ok) {
    if (source.step == Source::Step::kFinish) {
      --open_;
      if (!cancelled_) TellEnd(source);
      return;
    }
    if (ok && source.step == Source::Step::kRead && !cancelled_) Forward(source);
    source.step = ok ? Source::Step::kRead : Source::Step::kFinish;
    if (ok) {
      source.reader->Read(&source.message, &source);
    } else {
      source.reader->Finish(&source.status, &source);
    }
  }

  void Forward(Source& source) {
    const bool event = !source.message.event().empty();
    v1::TailEventsResponse response;
    response.set_stage(source.target.stage);
    response.set_instance(source.target.instance);
    *response.mutable_tail() = std::move(source.message);
    // Blocks while the reader is slow.
    if (!writer_.Write(response)) return Cancel();
    const uint64_t limit = request_.tail().limit();
    if (event && ++events_ == limit && limit > 0) Cancel();
  }

  void TellEnd(const Source& source) {
    v1::TailEventsResponse response;
    response.set_stage(source.target.stage);
    response.set_instance(source.target.instance);
    *response.mutable_ended() = MakeResult(source.target, source.status);
    if (!writer_.Write(response)) Cancel();
    // A wrong filter is wrong everywhere.
    if (source.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) Cancel();
  }

  void Cancel() {
    cancelled_ = true;
    for (const std::unique_ptr<Source>& source : sources_) source->context.TryCancel();
  }

  // The filter's error, or that of the first instance if there was none that could be read from.
  grpc::Status Outcome() const {
    const Source* failed = nullptr;
    bool any = cancelled_;
    for (const std::unique_ptr<Source>& source : sources_) {
      if (source->status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) return source->status;
      if (source->status.ok()) any = true;
      if (!source->status.ok() && failed == nullptr) failed = source.get();
    }
    if (any || failed == nullptr) return grpc::Status::OK;
    return {failed->status.error_code(),
            absl::StrCat(failed->target.stage, " ", failed->target.address, ": ",
                         failed->status.error_message())};
  }

  const v1::TailEventsRequest& request_;
  grpc::ServerWriter<v1::TailEventsResponse>& writer_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Source>> sources_;
  size_t open_ = 0;
  uint64_t events_ = 0;
  bool cancelled_ = false;
};

}  // namespace

grpc::Status TailCalls::TailEvents(const grpc::ServerContext& context,
                                   const v1::TailEventsRequest& request,
                                   grpc::ServerWriter<v1::TailEventsResponse>& writer) {
  const std::optional<Streams::Place> place = streams_.Enter();
  if (!place.has_value()) return Streams::TooMany();
  const absl::StatusOr<std::vector<Target>> targets = poller_.Find(request.selection());
  if (!targets.ok()) return ToGrpc(targets.status());
  Tail tail(request, writer);
  for (const Target& target : *targets) tail.Add(target, clients_);
  return tail.Run([&] { return streams_.Ended(context); });
}

}  // namespace mentat::controller
