#include "tools/mentatctl/top_watcher.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status_macros.h"
#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/client.h"

namespace mentat::mentatctl {
namespace {

absl::Duration Bounded(absl::Duration interval) {
  return std::clamp(interval, absl::Milliseconds(500), absl::Minutes(1));
}

}  // namespace

TopWatcher::TopWatcher(const Session& session, absl::Duration interval)
    : session_(session),
      waker_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      latest_({.controller = session.connection.controller, .error = "asking the controller"}),
      interval_(Bounded(interval)),
      thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {}

TopData TopWatcher::Latest() const {
  const MutexLock lock(mutex_);
  return latest_;
}

absl::Duration TopWatcher::interval() const {
  const MutexLock lock(mutex_);
  return interval_;
}

void TopWatcher::SetInterval(absl::Duration interval) {
  const MutexLock lock(mutex_);
  interval_ = Bounded(interval);
  changed_.NotifyAll();
}

void TopWatcher::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const absl::Status status = Watch(stop);
    if (status.ok()) continue;  // with another interval
    StoreError(status);
    const MutexLock lock(mutex_);
    changed_.WaitFor(mutex_, stop, absl::ToChronoMilliseconds(interval_), [] { return false; });
  }
}

absl::Status TopWatcher::Watch(const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Client client, Client::ToController(session_));
  const absl::Duration asked = interval();
  controller::v1::WatchStatusRequest request;
  request.mutable_interval()->set_seconds(absl::ToInt64Seconds(asked));
  request.mutable_interval()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(asked % absl::Seconds(1))));
  controller::v1::WatchStatusResponse response;
  bool ended = true;
  const absl::Status status = client.Watch(
      request, &response,
      [&] {
        controller::v1::GetTopologyResponse topology;
        client.Call(controller::v1::GetTopologyRequest(), &topology).IgnoreError();
        Store(response, topology);
        ended = interval() == asked;
        return ended && !stop.stop_requested();
      },
      stop);
  if (status.ok() && ended && !stop.stop_requested()) {
    return absl::UnavailableError("the controller has ended");
  }
  return status;
}

void TopWatcher::Store(const controller::v1::WatchStatusResponse& status,
                       const controller::v1::GetTopologyResponse& topology) {
  {
    const MutexLock lock(mutex_);
    *latest_.status.mutable_stages() = status.stages();
    *latest_.status.mutable_time() = status.time();
    latest_.topology = topology;
    latest_.error.clear();
  }
  Wake();
}

void TopWatcher::StoreError(const absl::Status& error) {
  {
    const MutexLock lock(mutex_);
    latest_.error = std::string(error.message());
  }
  Wake();
}

void TopWatcher::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t count = ::write(waker_.get(), &one, sizeof(one));
}

}  // namespace mentat::mentatctl
