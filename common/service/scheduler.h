// Callbacks of a service at given times, one after the other on a thread of its own. A part of the
// service:
//
//   Sampler(const Config& config, service::Context& context)
//       : scheduler_(Use<service::Scheduler>(context)) {
//     scheduler_.Every(Schedule::Every(absl::Seconds(10)), "refresh",
//                      [this](const std::stop_token&) { return Refresh(); });
//   }
//
// Delays and intervals go by the monotonic clock, times and cron expressions by the wall clock.
// Nothing runs before the service's Run, nor after its end. What has to run once over all instances
// is a job: common/jobs/job_runner.h. docs/scheduler.md.
#ifndef COMMON_SERVICE_SCHEDULER_H_
#define COMMON_SERVICE_SCHEDULER_H_

#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/schedule/agenda.h"
#include "common/schedule/schedule.h"
#include "common/service/log.h"
#include "common/service/service.h"

namespace prometheus {
class Counter;
class Registry;
}  // namespace prometheus

namespace mentat::service {

// Thread-safe; callbacks may use it too.
class Scheduler : public Service {
 public:
  // Ends soon when `stop` is requested. An error is logged and counted, and changes nothing else.
  using Callback = std::function<absl::Status(const std::stop_token& stop)>;
  using Id = schedule::Agenda::Id;

  explicit Scheduler(const Context& context);

  // `name` stands in the log and in the metrics: one of a few in the program.
  // As soon as the thread is free, after what is due and after those before it.
  Id Now(const std::string& name, Callback callback);
  // Before everything else that waits.
  Id Next(const std::string& name, Callback callback);
  Id After(absl::Duration delay, const std::string& name, Callback callback);
  Id At(absl::Time time, const std::string& name, Callback callback);
  // Again and again; times that have passed by the time it could run are one run.
  Id Every(const schedule::Schedule& schedule, const std::string& name, Callback callback);
  // Whether it was still to run. One that runs at this moment runs to its end.
  bool Cancel(Id id);

  absl::Status Run(std::stop_token stop) override;

 private:
  struct Metrics {
    prometheus::Counter& ok;
    prometheus::Counter& failed;
  };
  struct Task {
    std::string name;
    Callback callback;
    Metrics metrics;
  };

  static schedule::Moment ReadClocks();
  Id Keep(Id id, const std::string& name, Callback callback) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for something to do; nothing when `stop` is requested.
  std::optional<Task> Take(const std::stop_token& stop);

  const log::Logger log_;
  prometheus::Registry& registry_;
  Mutex mutex_;
  CondVar changed_;
  bool has_changed_ ABSL_GUARDED_BY(mutex_) = false;
  schedule::Agenda agenda_ ABSL_GUARDED_BY(mutex_);
  std::map<Id, Task> tasks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_SCHEDULER_H_
