// An instance of a service with one job, for tests that kill it: job_process DSN INSTANCE WORK,
// where WORK is `quick`; `hang` to write the effect and then never end; or `hang-in-database` to do
// so in a statement.
#include <signal.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/jobs/job_runner.h"
#include "common/service/log.h"
#include "prometheus/registry.h"

namespace mentat::jobs {
namespace {

absl::StatusOr<std::string> Work(JobRun& run, const std::string& instance,
                                 const std::string& kind) {
  const store::Parameter due =
      run.due
          ? store::Parameter(absl::FormatTime(absl::RFC3339_full, *run.due, absl::UTCTimeZone()))
          : std::nullopt;
  RETURN_IF_ERROR(run.connection
                      .Execute("INSERT INTO effects VALUES ($1, $2, $3)",
                               {due, absl::StrCat(run.attempt), instance})
                      .status());
  if (kind == "hang") Pause(absl::InfiniteDuration(), {});
  if (kind == "hang-in-database") {
    RETURN_IF_ERROR(run.connection.Execute("SELECT pg_sleep(600)").status());
  }
  return "written";
}

int Main(const std::string& dsn, const std::string& instance, const std::string& kind) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  prometheus::Registry registry;
  store::ConnectionOptions database;
  database.dsn = dsn;
  database.statement_timeout = absl::ZeroDuration();
  database.application_name = instance;
  JobRunner runner({.database = database,
                    .instance = instance,
                    .log = log::Logger::Stderr(),
                    .registry = &registry});
  config::v1::JobConfig config;
  config.set_time_zone("UTC");
  config.set_missed("all");
  config.set_enabled(true);
  config.set_attempts(2);
  config.set_kept_runs(10000);
  const absl::Status added =
      runner.Add({.name = "test/effects",
                  .description = "Writes a row.",
                  .default_schedule = "every 10s",
                  .work = [&](JobRun& run) { return Work(run, instance, kind); }},
                 config);
  if (!added.ok()) return 2;
  std::jthread thread([&](std::stop_token stop) { runner.Run(std::move(stop)); });
  int signal = 0;
  sigwait(&signals, &signal);
  thread.request_stop();
  thread.join();
  return 0;
}

}  // namespace
}  // namespace mentat::jobs

int main(int argc, char** argv) {
  return argc == 4 ? mentat::jobs::Main(argv[1], argv[2], argv[3]) : 2;
}
