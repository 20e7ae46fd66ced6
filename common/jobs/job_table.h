// The tables of scheduled jobs, by which the instances of an installation agree on who runs what:
// docs/scheduler.md. Times are those of the database's clock, the one that all instances share.
//
// A job is run by whoever holds its lock, an advisory lock of PostgreSQL that belongs to a
// connection and ends with it, however that ends. Under the lock BeginRun takes the next thing to
// do from the table, and EndRun writes down what became of it.
//
// Stateless functions, thread-safe; a connection is used by one thread at a time. Errors are those
// of store::Connection.
#ifndef COMMON_JOBS_JOB_TABLE_H_
#define COMMON_JOBS_JOB_TABLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/schedule/plan.h"
#include "common/schedule/schedule.h"
#include "common/store/connection.h"

namespace mentat::jobs {

// Notified when something about a job has changed.
inline constexpr std::string_view kChannel = "mentat_jobs";
// An instance that can run a job has been there within this time, or there is none.
inline constexpr absl::Duration kSeenWithin = absl::Minutes(3);

// A job as the configuration has it.
struct Definition {
  std::string name;  // unique in the installation: `storage/retention`
  std::string description;
  std::string schedule;
  std::string time_zone = "UTC";
  std::string missed = "once";
  bool enabled = true;
  int attempts = 2;
  int kept_runs = 100;
};

// InvalidArgument names the field of JobConfig.
absl::StatusOr<schedule::Schedule> ParseSchedule(std::string_view schedule,
                                                 std::string_view time_zone);
absl::StatusOr<schedule::Missed> ParseMissed(std::string_view missed);

// Makes the job known, or changes what is known of it. A new schedule counts from now.
absl::Status Register(store::Connection& connection, const Definition& definition);

// What an instance has to do about a job.
struct Outlook {
  // Until something is to be done; zero if something is; infinite if nothing ever will be.
  absl::Duration wait;
  bool locked = false;  // somebody runs it now
};
// Of the jobs of these names that are known; notes that somebody is there who can run them.
absl::StatusOr<std::map<std::string, Outlook>> Look(store::Connection& connection,
                                                    std::span<const std::string> names);

// Takes the job's lock for this connection; whether it was free. NotFound if there is no such job.
absl::StatusOr<bool> TryLock(store::Connection& connection, std::string_view name);
absl::Status Unlock(store::Connection& connection, std::string_view name);

struct Run {
  int64_t id = 0;
  std::optional<absl::Time> due;  // none for a run on request
  int attempt = 1;
};
// What BeginRun found.
struct Begun {
  std::optional<Run> run;
  int64_t missed = 0;     // times that were passed over
  int64_t abandoned = 0;  // runs whose instance has died
};
// Holding the lock: the run to make now, if there is one, which is in the history from now on.
absl::StatusOr<Begun> BeginRun(store::Connection& connection, std::string_view name,
                               std::string_view instance);
// Holding the lock: `result` is what the job says of its result, or why it failed.
// FailedPrecondition if the run was taken for abandoned meanwhile.
absl::Status EndRun(store::Connection& connection, std::string_view name, int64_t run,
                    const absl::StatusOr<std::string>& result);

// Below: for who looks after jobs from outside. NotFound if there is no such job.

enum class Outcome { kRunning, kOk, kFailed, kAbandoned, kMissed };

struct RunRecord {
  std::optional<absl::Time> due;
  int attempt = 1;
  std::string instance;
  absl::Time start;
  std::optional<absl::Time> end;
  Outcome outcome = Outcome::kOk;
  std::string message;  // result, or why it failed
};

struct Job {
  Definition definition;  // `enabled` as it is in use
  std::optional<absl::Time> next_due;
  bool requested = false;
  bool running = false;
  absl::Time seen;         // when an instance was there that can run it
  bool available = false;  // whether that is not long ago
  std::optional<RunRecord> last_run;
};

// By name.
absl::StatusOr<std::vector<Job>> ListJobs(store::Connection& connection);
absl::StatusOr<Job> GetJob(store::Connection& connection, std::string_view name);
// Newest first.
absl::StatusOr<std::vector<RunRecord>> ListRuns(store::Connection& connection,
                                                std::string_view name, int limit);
// FailedPrecondition if no instance is there that can run it. A request while the job runs is for
// another run after it; several are one.
absl::Status RequestRun(store::Connection& connection, std::string_view name);
// A job that is enabled again waits for its next time; what passed meanwhile is not missed.
absl::Status SetEnabled(store::Connection& connection, std::string_view name, bool enabled);

}  // namespace mentat::jobs

#endif  // COMMON_JOBS_JOB_TABLE_H_
