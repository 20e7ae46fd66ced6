#include "services/controller/streams.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/pause.h"
#include "common/base/steady_time.h"

namespace mentat::controller {
namespace {

constexpr int kMaxStreams = 10;
// gRPC tells of a reader that has gone only when it is asked.
constexpr absl::Duration kLookInterval = absl::Milliseconds(500);

}  // namespace

void Streams::Leave::operator()(Streams* streams) const {
  const MutexLock lock(streams->mutex_);
  --streams->taken_;
}

std::optional<Streams::Place> Streams::Enter() {
  const MutexLock lock(mutex_);
  if (taken_ >= kMaxStreams) return std::nullopt;
  ++taken_;
  return Place(this);
}

grpc::Status Streams::TooMany() {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED,
          absl::StrCat("no more than ", kMaxStreams, " may watch or tail at a time")};
}

bool Streams::Ended(const grpc::ServerContext& context) const {
  return context.IsCancelled() || stopping();
}

bool Streams::WaitUntil(absl::Duration time, const grpc::ServerContext& context) const {
  while (!Ended(context)) {
    const absl::Duration rest = time - SteadyNow();
    if (rest <= absl::ZeroDuration()) return true;
    Pause(std::min(rest, kLookInterval), stop_.get_token());
  }
  return false;
}

}  // namespace mentat::controller
