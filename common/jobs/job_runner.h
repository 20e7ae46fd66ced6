// Runs the scheduled jobs of a service, each of them once over all instances of the installation;
// docs/scheduler.md.
//
//   JobRunner jobs({.database = options, .instance = context.instance, .log = …, .registry = …});
//   RETURN_IF_ERROR(jobs.Add({.name = "storage/retention",
//                             .description = "Deletes what is older than it is kept.",
//                             .default_schedule = "23 * * * *",
//                             .work = [](JobRun& run) -> absl::StatusOr<std::string> { … }},
//                            config.retention_job()));
//   jobs.Run(stop);
//
// A job may come again when an instance died before the end of its run could be written down: its
// work has to bear being done twice.
#ifndef COMMON_JOBS_JOB_RUNNER_H_
#define COMMON_JOBS_JOB_RUNNER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/jobs/job_table.h"
#include "common/service/log.h"
#include "common/store/connection.h"
#include "mentat/config/v1/common.pb.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace mentat::jobs {

// What the work of a job is given.
struct JobRun {
  // The connection that holds the job's lock. What is done in its transactions cannot be committed
  // once the lock is lost, and so never beside another instance's run.
  store::Connection& connection;
  // The time that the run is for; none where somebody asked for it.
  std::optional<absl::Time> due;
  // Which time the run is begun; above 1 the instances before have died in it.
  int attempt = 1;
  // The work is to end soon when this is requested; five seconds later the connection is cut. A run
  // that fails then is made again by another instance.
  std::stop_token stop;
};

// What a job is, beside what its configuration says.
struct JobSpec {
  std::string name;  // unique in the installation: `storage/retention`
  std::string description;
  std::string default_schedule;
  // Says in a few words what it has done. On a thread of the job's own, one run at a time.
  std::function<absl::StatusOr<std::string>(JobRun& run)> work;
};

class JobRunner {
 public:
  struct Options {
    store::ConnectionOptions database;
    std::string instance;
    log::Logger log = log::Logger::Null();
    prometheus::Registry* registry = nullptr;
  };
  explicit JobRunner(Options options);
  ~JobRunner();

  // Before Run. InvalidArgument names the field of the configuration.
  absl::Status Add(JobSpec spec, const config::v1::JobConfig& config);
  // Makes the jobs known, and runs what is due, until `stop` is requested. While the database is
  // away it tries again.
  void Run(std::stop_token stop);

 private:
  struct Metrics {
    prometheus::Counter& ok;
    prometheus::Counter& failed;
    prometheus::Counter& abandoned;
    prometheus::Counter& missed;
    prometheus::Gauge& running;
    prometheus::Gauge& last_success;
    prometheus::Histogram& seconds;
  };
  struct Entry {
    JobSpec spec;
    Definition definition;
    Metrics metrics;
    std::stop_source cut;  // ends what still runs
    std::atomic<bool> busy = false;
    std::jthread thread;  // of the last run
  };

  // With one connection, until it fails or `stop` is requested.
  absl::Status Serve(const std::stop_token& stop);
  // Begins what is to be done; until when nothing is.
  absl::StatusOr<absl::Duration> LookAround(store::Connection& connection,
                                            const std::stop_token& stop);
  // On the job's thread: all that is to be done about it now.
  absl::Status RunJob(Entry& entry, const std::stop_token& stop);
  absl::Status RunOnce(Entry& entry, store::Connection& connection, const jobs::Run& run,
                       const std::stop_token& stop);
  void EndJobs();

  const Options options_;
  const log::Logger log_;
  prometheus::Counter& errors_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<Entry>> entries_;
  Mutex mutex_;
  CondVar idle_;  // an entry is no longer busy
};

}  // namespace mentat::jobs

#endif  // COMMON_JOBS_JOB_RUNNER_H_
