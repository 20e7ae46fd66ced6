#include "common/service/scheduler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/steady_time.h"
#include "common/service/metrics.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"

namespace mentat::service {
namespace {

// The wall clock may be set while a time is waited for.
constexpr absl::Duration kLongestWait = absl::Minutes(1);

prometheus::Counter& AddRuns(prometheus::Registry& registry, const std::string& task,
                             const std::string& result) {
  return AddCounter(registry, "mentat_scheduler_runs_total", "Scheduled callbacks that have run.",
                    {{"task", task}, {"result", result}});
}

}  // namespace

Scheduler::Scheduler(const Context& context)
    : log_(context.log.ForModule("scheduler")), registry_(*context.registry) {}

schedule::Moment Scheduler::ReadClocks() { return {SteadyNow(), absl::Now()}; }

Scheduler::Id Scheduler::Keep(Id id, const std::string& name, Callback callback) {
  tasks_.emplace(id, Task{name,
                          std::move(callback),
                          {AddRuns(registry_, name, "ok"), AddRuns(registry_, name, "failed")}});
  has_changed_ = true;
  changed_.NotifyAll();
  return id;
}

Scheduler::Id Scheduler::Now(const std::string& name, Callback callback) {
  const MutexLock lock(mutex_);
  return Keep(agenda_.AddNow(), name, std::move(callback));
}

Scheduler::Id Scheduler::Next(const std::string& name, Callback callback) {
  const MutexLock lock(mutex_);
  return Keep(agenda_.AddNext(), name, std::move(callback));
}

Scheduler::Id Scheduler::After(absl::Duration delay, const std::string& name, Callback callback) {
  const MutexLock lock(mutex_);
  return Keep(agenda_.AddAfter(delay, ReadClocks()), name, std::move(callback));
}

Scheduler::Id Scheduler::At(absl::Time time, const std::string& name, Callback callback) {
  const MutexLock lock(mutex_);
  return Keep(agenda_.AddAt(time), name, std::move(callback));
}

Scheduler::Id Scheduler::Every(const schedule::Schedule& schedule, const std::string& name,
                               Callback callback) {
  const MutexLock lock(mutex_);
  return Keep(agenda_.AddEvery(schedule, ReadClocks()), name, std::move(callback));
}

bool Scheduler::Cancel(Id id) {
  const MutexLock lock(mutex_);
  tasks_.erase(id);
  return agenda_.Remove(id);
}

std::optional<Scheduler::Task> Scheduler::Take(const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    const schedule::Moment now = ReadClocks();
    if (const std::optional<Id> id = agenda_.Take(now)) {
      const auto task = tasks_.find(*id);
      Task taken = task->second;
      if (!agenda_.Contains(*id)) tasks_.erase(task);
      return taken;
    }
    has_changed_ = false;
    const absl::Duration wait = std::min(agenda_.Wait(now), kLongestWait);
    // Not before it is due.
    changed_.WaitFor(mutex_, stop, absl::ToChronoNanoseconds(wait + absl::Nanoseconds(1)),
                     [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return has_changed_; });
  }
  return std::nullopt;
}

absl::Status Scheduler::Run(std::stop_token stop) {
  while (const std::optional<Task> task = Take(stop)) {
    absl::Status status;
    try {
      status = task->callback(stop);
    } catch (const std::exception& error) {
      status = absl::InternalError(absl::StrCat("exception: ", error.what()));
    }
    (status.ok() ? task->metrics.ok : task->metrics.failed).Increment();
    if (!status.ok()) {
      log_.ForKey(task->name)
          .Warning("a scheduled callback failed", {{"task", task->name}, {"error", status}});
    }
  }
  return absl::OkStatus();
}

}  // namespace mentat::service
