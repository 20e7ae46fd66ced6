#include "services/controller/streams.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/pause.h"

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
  return context.IsCancelled() || stop_.stop_requested();
}

bool Streams::WaitUntil(absl::Time time, const grpc::ServerContext& context) const {
  while (!Ended(context)) {
    const absl::Duration rest = time - absl::Now();
    if (rest <= absl::ZeroDuration()) return true;
    Pause(std::min(rest, kLookInterval), stop_.get_token());
  }
  return false;
}

}  // namespace mentat::controller
