#include "common/jobs/job_runner.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/steady_time.h"
#include "common/service/metrics.h"
#include "common/store/backoff.h"
#include "common/store/migrations.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace mentat::jobs {
namespace {

// Changes are told by the database; this is for what nobody tells, such as a clock that was set.
constexpr absl::Duration kLongestWait = absl::Minutes(1);
// PostgreSQL tells nobody that the holder of a lock has died.
constexpr absl::Duration kTakeOverWait = absl::Seconds(2);
constexpr std::chrono::seconds kStopGrace(5);

// A server that this machine has vanished from without a word notices it, and frees the lock.
constexpr char kKeepAlive[] =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
    "SET tcp_user_timeout = 30000; SET client_connection_check_interval = 5000";

prometheus::Counter& AddRuns(prometheus::Registry& registry, const std::string& job,
                             const std::string& outcome) {
  return service::AddCounter(registry, "mentat_job_runs_total",
                             "Runs of a scheduled job by this instance that ended.",
                             {{"job", job}, {"outcome", outcome}});
}

// What is thrown is an error of the run, and no end of the process.
absl::StatusOr<std::string> Work(const JobSpec& spec, JobRun& run) {
  try {
    return spec.work(run);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("exception: ", error.what()));
  }
}

}  // namespace

JobRunner::JobRunner(Options options)
    : options_(std::move(options)),
      log_(options_.log.ForModule("jobs")),
      errors_(service::AddCounter(*options_.registry, "mentat_job_errors_total",
                                  "Times that the tables of the jobs could not be used.")) {}

JobRunner::~JobRunner() { EndJobs(); }

absl::Status JobRunner::Add(JobSpec spec, const config::v1::JobConfig& config) {
  Definition definition = {
      .name = spec.name,
      .description = spec.description,
      .schedule = config.schedule().empty() ? spec.default_schedule : config.schedule(),
      .time_zone = config.time_zone(),
      .missed = config.missed(),
      .enabled = config.enabled(),
      .attempts = static_cast<int>(config.attempts()),
      .kept_runs = static_cast<int>(config.kept_runs())};
  RETURN_IF_ERROR(ParseSchedule(definition.schedule, definition.time_zone).status());
  RETURN_IF_ERROR(ParseMissed(definition.missed).status());
  prometheus::Registry& registry = *options_.registry;
  const service::Labels labels = {{"job", spec.name}};
  entries_.push_back(std::unique_ptr<Entry>(new Entry{
      .spec = spec,
      .definition = std::move(definition),
      .metrics = {
          .ok = AddRuns(registry, spec.name, "ok"),
          .failed = AddRuns(registry, spec.name, "failed"),
          .abandoned = service::AddCounter(
              registry, "mentat_job_abandoned_runs_total",
              "Runs that this instance found abandoned by an instance that had died.", labels),
          .missed = service::AddCounter(registry, "mentat_job_missed_times_total",
                                        "Times of the schedule that no run was made for.", labels),
          .running = service::AddGauge(registry, "mentat_job_running",
                                       "Whether this instance runs the job now.", labels),
          .last_success = service::AddGauge(
              registry, "mentat_job_last_success_timestamp_seconds",
              "End of the last run by this instance that succeeded, since 1970.", labels),
          .seconds = service::AddHistogram(registry, "mentat_job_run_seconds", "Length of a run.",
                                           {0.01, 0.1, 1, 10, 60, 300, 1800, 7200}, labels)}}));
  names_.push_back(std::move(spec.name));
  return absl::OkStatus();
}

void JobRunner::Run(std::stop_token stop) {
  store::Backoff backoff(absl::Seconds(1), absl::Seconds(30));
  while (!stop.stop_requested()) {
    const absl::Duration begin = SteadyNow();
    const absl::Status status = Serve(stop);
    if (stop.stop_requested()) break;
    errors_.Increment();
    log_.Warning("jobs cannot be looked after, it will be tried again", {{"error", status}});
    if (SteadyNow() - begin > kLongestWait) backoff.Reset();
    backoff.Wait(stop);
  }
  EndJobs();
}

absl::Status JobRunner::Serve(const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::unique_ptr<store::Connection> connection,
                   store::Connection::Open(options_.database));
  const std::stop_callback cut(stop, [&connection] { connection->Interrupt(); });
  RETURN_IF_ERROR(store::CheckSchema(*connection));
  RETURN_IF_ERROR(connection->Listen(std::string(kChannel)));
  for (const auto& entry : entries_) RETURN_IF_ERROR(Register(*connection, entry->definition));
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN(const absl::Duration wait, LookAround(*connection, stop));
    RETURN_IF_ERROR(connection->WaitForNotification(wait, stop));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> JobRunner::LookAround(store::Connection& connection,
                                                     const std::stop_token& stop) {
  using OutlookByName = std::map<std::string, Outlook>;
  ASSIGN_OR_RETURN(const OutlookByName outlooks, Look(connection, names_));
  absl::Duration wait = kLongestWait;
  for (const auto& entry : entries_) {
    const auto found = outlooks.find(entry->spec.name);
    if (found == outlooks.end()) {
      return absl::NotFoundError(absl::StrCat("job ", entry->spec.name, " was deleted"));
    }
    const Outlook& outlook = found->second;
    if (outlook.wait > absl::ZeroDuration()) {
      wait = std::min(wait, outlook.wait);
      continue;
    }
    wait = std::min(wait, kTakeOverWait);
    if (outlook.locked || entry->busy.exchange(true)) continue;
    entry->thread = std::jthread([this, entry = entry.get(), stop] {
      const absl::Status status = RunJob(*entry, stop);
      if (!status.ok() && !stop.stop_requested()) {
        errors_.Increment();
        log_.ForKey(entry->spec.name)
            .Warning("the tables of a job cannot be used, it will be tried again",
                     {{"job", entry->spec.name}, {"error", status}});
      }
      const MutexLock lock(mutex_);
      entry->busy = false;
      idle_.NotifyAll();
    });
  }
  return wait;
}

absl::Status JobRunner::RunJob(Entry& entry, const std::stop_token& stop) {
  const std::string& name = entry.spec.name;
  ASSIGN_OR_RETURN(const std::unique_ptr<store::Connection> connection,
                   store::Connection::Open(options_.database));
  const std::stop_callback cut(entry.cut.get_token(), [&connection] { connection->Interrupt(); });
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<store::Transaction> transaction, connection->Begin());
    RETURN_IF_ERROR(transaction->ExecuteScript(kKeepAlive));
    RETURN_IF_ERROR(transaction->Commit());
  }
  ASSIGN_OR_RETURN(const bool locked, TryLock(*connection, name));
  if (!locked) return absl::OkStatus();  // somebody else was faster
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN(const Begun begun, BeginRun(*connection, name, options_.instance));
    if (begun.abandoned > 0) {
      entry.metrics.abandoned.Increment(static_cast<double>(begun.abandoned));
      log_.Warning("a run was abandoned by an instance that has died", {{"job", name}});
    }
    if (begun.missed > 0) {
      entry.metrics.missed.Increment(static_cast<double>(begun.missed));
      log_.Warning("times of a job were missed", {{"job", name}, {"count", begun.missed}});
    }
    if (!begun.run) break;
    RETURN_IF_ERROR(RunOnce(entry, *connection, *begun.run, stop));
  }
  return Unlock(*connection, name);
}

absl::Status JobRunner::RunOnce(Entry& entry, store::Connection& connection, const jobs::Run& run,
                                const std::stop_token& stop) {
  const log::Logger log = log_.ForKey(entry.spec.name);
  const absl::Duration begin = SteadyNow();
  entry.metrics.running.Set(1);
  JobRun job = {.connection = connection, .due = run.due, .attempt = run.attempt, .stop = stop};
  const absl::StatusOr<std::string> result = Work(entry.spec, job);
  entry.metrics.running.Set(0);
  const double seconds = absl::ToDoubleSeconds(SteadyNow() - begin);
  entry.metrics.seconds.Observe(seconds);
  if (!result.ok() && stop.stop_requested()) {
    // It stays open: once the lock is free, it is for another instance.
    log.Warning("a job was cut short by the end of the process",
                {{"job", entry.spec.name}, {"error", result.status()}, {"seconds", seconds}});
    return absl::OkStatus();
  }
  if (result.ok()) {
    log.Info("job done", {{"job", entry.spec.name}, {"result", *result}, {"seconds", seconds}});
  } else {
    log.Warning("job failed",
                {{"job", entry.spec.name}, {"error", result.status()}, {"seconds", seconds}});
  }
  RETURN_IF_ERROR(EndRun(connection, entry.spec.name, run.id, result));
  (result.ok() ? entry.metrics.ok : entry.metrics.failed).Increment();
  if (result.ok())
    entry.metrics.last_success.Set(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
  return absl::OkStatus();
}

void JobRunner::EndJobs() {
  const auto all_idle = [this] {
    return std::none_of(entries_.begin(), entries_.end(),
                        [](const auto& entry) { return entry->busy.load(); });
  };
  {
    const MutexLock lock(mutex_);
    idle_.WaitFor(mutex_, kStopGrace, all_idle);
  }
  for (const auto& entry : entries_) entry->cut.request_stop();
  for (const auto& entry : entries_) {
    if (entry->thread.joinable()) entry->thread.join();
  }
}

}  // namespace mentat::jobs
