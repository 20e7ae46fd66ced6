#include "common/jobs/job_table.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/idea/time.h"

namespace mentat::jobs {

using schedule::Missed;
using schedule::Schedule;
using store::Connection;
using store::Parameter;
using store::Result;
using store::Transaction;

namespace {

constexpr size_t kMaxMessageBytes = 2000;
// A clock that has gone back by more than this was wrong, and the times computed by it mean
// nothing.
constexpr absl::Duration kLargeStep = absl::Hours(3);

// A time in a query as a number of microseconds, for TimeOf.
std::string Micros(std::string_view expression) {
  return absl::StrCat("(extract(epoch FROM ", std::string(expression), ") * 1000000)::bigint");
}

std::optional<absl::Time> TimeOf(const Result& result, size_t row, size_t column) {
  if (result.IsNull(row, column)) return std::nullopt;
  return absl::FromUnixMicros(result.Int(row, column));
}

Parameter Text(absl::Time time) {
  if (time == absl::InfiniteFuture()) return std::nullopt;
  return idea::FormatTimestamp(absl::ToUnixMicros(time));
}

Parameter Text(std::string_view text) { return std::string(text); }

bool IsTrue(const Result& result, size_t row, size_t column) {
  return result.Text(row, column) == "t";
}

absl::Status NoJob(std::string_view name) {
  return absl::NotFoundError(absl::StrCat(
      "there is no job \"", absl::Utf8SafeCEscape(std::string(Utf8Prefix(name, 100))), "\""));
}

absl::Status Notify(Transaction& transaction) {
  return transaction.Execute("SELECT pg_notify($1, '')", {Text(kChannel)}).status();
}

// A message as the table takes it: without U+0000, of a bounded size, cut between characters.
std::string Message(std::string_view text) {
  std::string message(Utf8Prefix(text, kMaxMessageBytes));
  std::replace(message.begin(), message.end(), '\0', ' ');
  return message;
}

// What BeginRun needs to know; the row is locked until the end of the transaction.
struct State {
  absl::Time now;
  Schedule schedule = Schedule::Every(absl::Hours(1));
  Missed missed = Missed::kOnce;
  int attempts = 1;
  bool enabled = false;
  bool requested = false;
  std::optional<absl::Time> next_due;
  absl::Time due_set;
};

absl::StatusOr<State> ReadState(Transaction& transaction, std::string_view name) {
  ASSIGN_OR_RETURN(
      const Result row,
      transaction.Execute(
          absl::StrCat("SELECT schedule, time_zone, missed, attempts, enabled, "
                       "request_time IS NOT NULL, ",
                       Micros("next_due"), ", ", Micros("due_set_time"), ", ",
                       Micros("clock_timestamp()"), " FROM jobs WHERE name = $1 FOR UPDATE"),
          {Text(name)}));
  if (row.rows() == 0) return NoJob(name);
  State state;
  ASSIGN_OR_RETURN(state.schedule, ParseSchedule(row.Text(0, 0), row.Text(0, 1)));
  ASSIGN_OR_RETURN(state.missed, ParseMissed(row.Text(0, 2)));
  state.attempts = static_cast<int>(row.Int(0, 3));
  state.enabled = IsTrue(row, 0, 4);
  state.requested = IsTrue(row, 0, 5);
  state.next_due = TimeOf(row, 0, 6);
  state.due_set = *TimeOf(row, 0, 7);
  state.now = *TimeOf(row, 0, 8);
  return state;
}

absl::Status SetDue(Transaction& transaction, std::string_view name, absl::Time due,
                    absl::Time now) {
  return transaction
      .Execute("UPDATE jobs SET next_due = $2, due_set_time = $3 WHERE name = $1",
               {Text(name), Text(due), Text(now)})
      .status();
}

absl::StatusOr<Run> AddRun(Transaction& transaction, std::string_view name,
                           std::string_view instance, std::optional<absl::Time> due, int attempt) {
  // After a clock that was wrong a time comes again that the history has.
  ASSIGN_OR_RETURN(
      const Result row,
      transaction.Execute(
          "INSERT INTO job_runs (job, due_time, attempt, instance, start_time, outcome) "
          "SELECT $1, $2, greatest($3::integer, 1 + coalesce(max(attempt), 0)), $4, "
          "clock_timestamp(), 'running' FROM job_runs WHERE job = $1 "
          "AND due_time = $2::timestamptz RETURNING id, attempt",
          {Text(name), due ? Text(*due) : std::nullopt, absl::StrCat(attempt), Text(instance)}));
  return Run{row.Int(0, 0), due, static_cast<int>(row.Int(0, 1))};
}

// Ends the run of an instance that has died; the run to make in its place, if one is.
absl::StatusOr<std::optional<Run>> TakeOver(Transaction& transaction, std::string_view name,
                                            std::string_view instance, const State& state,
                                            int64_t& abandoned) {
  ASSIGN_OR_RETURN(
      const Result dead,
      transaction.Execute(
          absl::StrCat("UPDATE job_runs SET outcome = 'abandoned', end_time = clock_timestamp(), "
                       "message = 'the instance has died, or lost the database' "
                       "WHERE job = $1 AND outcome = 'running' RETURNING ",
                       Micros("due_time"), ", attempt"),
          {Text(name)}));
  abandoned = static_cast<int64_t>(dead.rows());
  if (dead.rows() == 0) return std::nullopt;
  const std::optional<absl::Time> due = TimeOf(dead, 0, 0);
  const int attempt = static_cast<int>(dead.Int(0, 1)) + 1;
  if (attempt > state.attempts || (due && !state.enabled)) return std::nullopt;
  return AddRun(transaction, name, instance, due, attempt);
}

// By the schedule.
absl::StatusOr<std::optional<Run>> TakeDue(Transaction& transaction, std::string_view name,
                                           std::string_view instance, const State& state,
                                           int64_t& missed) {
  if (!state.enabled) return std::nullopt;
  if (state.due_set > state.now + kLargeStep) {
    RETURN_IF_ERROR(SetDue(transaction, name, state.schedule.NextAfter(state.now), state.now));
    return std::nullopt;
  }
  if (!state.next_due || *state.next_due > state.now) return std::nullopt;
  const schedule::Plan plan =
      schedule::PlanRun(state.schedule, state.missed, *state.next_due, state.now);
  RETURN_IF_ERROR(SetDue(transaction, name, plan.next, state.now));
  missed = plan.missed;
  if (missed > 0) {
    const std::string message = absl::StrCat(missed,
                                             missed == schedule::kMostCounted ? " times or more"
                                             : missed == 1                    ? " time"
                                                                              : " times",
                                             " from ", *Text(*state.next_due), " on");
    RETURN_IF_ERROR(
        transaction
            .Execute("INSERT INTO job_runs (job, attempt, instance, start_time, end_time, outcome, "
                     "message) VALUES ($1, 1, $2, $3, $3, 'missed', $4)",
                     {Text(name), Text(instance), Text(state.now), message})
            .status());
  }
  if (!plan.due) return std::nullopt;
  return AddRun(transaction, name, instance, plan.due, 1);
}

Outcome OutcomeOf(std::string_view text) {
  if (text == "running") return Outcome::kRunning;
  if (text == "failed") return Outcome::kFailed;
  if (text == "abandoned") return Outcome::kAbandoned;
  if (text == "missed") return Outcome::kMissed;
  return Outcome::kOk;
}

// The columns of a run, for RunOf. One whose instance is dead says so before anybody has noticed.
std::string RunColumns() {
  return absl::StrCat(
      Micros("r.due_time"), ", r.attempt, r.instance, ", Micros("r.start_time"), ", ",
      Micros("r.end_time"),
      ", CASE WHEN r.outcome = 'running' AND NOT job_is_locked(j.lock_id) THEN 'abandoned' "
      "ELSE r.outcome END, r.message");
}

RunRecord RunOf(const Result& result, size_t row, size_t column) {
  RunRecord run;
  run.due = TimeOf(result, row, column);
  run.attempt = static_cast<int>(result.Int(row, column + 1));
  run.instance = std::string(result.Text(row, column + 2));
  run.start = TimeOf(result, row, column + 3).value_or(absl::InfinitePast());
  run.end = TimeOf(result, row, column + 4);
  run.outcome = OutcomeOf(result.Text(row, column + 5));
  run.message = std::string(result.Text(row, column + 6));
  return run;
}

absl::StatusOr<std::vector<Job>> Select(Connection& connection, std::optional<std::string> name) {
  ASSIGN_OR_RETURN(
      const Result rows,
      connection.Execute(
          absl::StrCat(
              "SELECT j.name, j.description, j.schedule, j.time_zone, j.missed, j.enabled, "
              "j.attempts, j.kept_runs, ",
              Micros("j.next_due"), ", j.request_time IS NOT NULL, job_is_locked(j.lock_id), ",
              Micros("j.seen_time"), ", j.seen_time > clock_timestamp() - $2::interval, r.id, ",
              RunColumns(),
              " FROM jobs j LEFT JOIN LATERAL (SELECT * FROM job_runs WHERE job = j.name "
              "AND outcome <> 'missed' ORDER BY id DESC LIMIT 1) r ON true "
              "WHERE $1::text IS NULL OR j.name = $1 ORDER BY j.name"),
          {name, absl::StrCat(absl::ToInt64Seconds(kSeenWithin), " seconds")}));
  std::vector<Job> jobs(rows.rows());
  for (size_t row = 0; row < jobs.size(); ++row) {
    Job& job = jobs[row];
    const auto text = [&](size_t column) { return std::string(rows.Text(row, column)); };
    job.definition = {.name = text(0),
                      .description = text(1),
                      .schedule = text(2),
                      .time_zone = text(3),
                      .missed = text(4),
                      .enabled = IsTrue(rows, row, 5),
                      .attempts = static_cast<int>(rows.Int(row, 6)),
                      .kept_runs = static_cast<int>(rows.Int(row, 7))};
    job.next_due = TimeOf(rows, row, 8);
    job.requested = IsTrue(rows, row, 9);
    job.running = IsTrue(rows, row, 10);
    job.seen = TimeOf(rows, row, 11).value_or(absl::InfinitePast());
    job.available = IsTrue(rows, row, 12);
    if (!rows.IsNull(row, 13)) job.last_run = RunOf(rows, row, 14);
  }
  return jobs;
}

}  // namespace

absl::StatusOr<Schedule> ParseSchedule(std::string_view schedule, std::string_view time_zone) {
  const absl::StatusOr<absl::TimeZone> zone = schedule::FindTimeZone(time_zone);
  if (!zone.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("time_zone: ", std::string(zone.status().message())));
  }
  absl::StatusOr<Schedule> parsed = Schedule::Parse(schedule, *zone);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("schedule: ", std::string(parsed.status().message())));
  }
  // More often than this it would be mostly asking the database.
  if (parsed->interval() && *parsed->interval() < absl::Seconds(1)) {
    return absl::InvalidArgumentError("schedule: a job runs once a second at the most");
  }
  return parsed;
}

absl::StatusOr<Missed> ParseMissed(std::string_view missed) {
  if (missed == "skip") return Missed::kSkip;
  if (missed == "once") return Missed::kOnce;
  if (missed == "all") return Missed::kAll;
  return absl::InvalidArgumentError("missed: expected skip, once or all");
}

absl::Status Register(Connection& connection, const Definition& definition) {
  ASSIGN_OR_RETURN(const Schedule schedule,
                   ParseSchedule(definition.schedule, definition.time_zone));
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  // Instances that start at the same time come one after the other.
  RETURN_IF_ERROR(transaction->ExecuteScript("SELECT pg_advisory_xact_lock(1835363956, 0)"));
  ASSIGN_OR_RETURN(const Result known,
                   transaction->Execute("SELECT schedule, time_zone, configured_enabled, enabled "
                                        "FROM jobs WHERE name = $1",
                                        {Text(definition.name)}));
  ASSIGN_OR_RETURN(const Result clock,
                   transaction->Execute("SELECT " + Micros("clock_timestamp()")));
  const absl::Time now = *TimeOf(clock, 0, 0);
  const bool is_new = known.rows() == 0;
  const auto flag = [](bool value) { return Parameter(value ? "true" : "false"); };
  bool enabled = definition.enabled;
  if (!is_new && IsTrue(known, 0, 2) == enabled) enabled = IsTrue(known, 0, 3);
  const std::vector<Parameter> values = {Text(definition.name),
                                         Text(definition.description),
                                         Text(definition.schedule),
                                         Text(definition.time_zone),
                                         Text(definition.missed),
                                         absl::StrCat(definition.attempts),
                                         absl::StrCat(definition.kept_runs),
                                         flag(definition.enabled),
                                         flag(enabled),
                                         Text(now)};
  RETURN_IF_ERROR(
      transaction
          ->Execute("INSERT INTO jobs (name, description, schedule, time_zone, missed, attempts, "
                    "kept_runs, configured_enabled, enabled, due_set_time, seen_time) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) "
                    "ON CONFLICT (name) DO UPDATE SET description = $2, schedule = $3, "
                    "time_zone = $4, missed = $5, attempts = $6, kept_runs = $7, "
                    "configured_enabled = $8, enabled = $9, seen_time = $10",
                    values)
          .status());
  if (is_new || known.Text(0, 0) != definition.schedule ||
      known.Text(0, 1) != definition.time_zone || (enabled && !IsTrue(known, 0, 3))) {
    RETURN_IF_ERROR(SetDue(*transaction, definition.name, schedule.NextAfter(now), now));
  }
  RETURN_IF_ERROR(Notify(*transaction));
  return transaction->Commit();
}

absl::StatusOr<std::map<std::string, Outlook>> Look(Connection& connection,
                                                    std::span<const std::string> names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string list = store::ArrayLiteral(views);
  RETURN_IF_ERROR(connection
                      .Execute("UPDATE jobs SET seen_time = clock_timestamp() WHERE name = ANY($1) "
                               "AND seen_time < clock_timestamp() - interval '1 minute'",
                               {list})
                      .status());
  ASSIGN_OR_RETURN(
      const Result rows,
      connection.Execute(
          absl::StrCat("SELECT name, job_is_locked(lock_id), request_time IS NOT NULL OR EXISTS "
                       "(SELECT FROM job_runs WHERE job = name AND outcome = 'running') OR "
                       "(enabled AND due_set_time > clock_timestamp() + $2::interval), ",
                       Micros("CASE WHEN enabled THEN next_due - clock_timestamp() END"),
                       " FROM jobs WHERE name = ANY($1)"),
          {list, absl::StrCat(absl::ToInt64Seconds(kLargeStep), " seconds")}));
  std::map<std::string, Outlook> outlooks;
  for (size_t row = 0; row < rows.rows(); ++row) {
    Outlook& outlook = outlooks[std::string(rows.Text(row, 0))];
    outlook.locked = IsTrue(rows, row, 1);
    if (IsTrue(rows, row, 2)) {
      outlook.wait = absl::ZeroDuration();
    } else if (rows.IsNull(row, 3)) {
      outlook.wait = absl::InfiniteDuration();
    } else {
      outlook.wait = std::max(absl::ZeroDuration(), absl::Microseconds(rows.Int(row, 3)));
    }
  }
  return outlooks;
}

absl::StatusOr<bool> TryLock(Connection& connection, std::string_view name) {
  ASSIGN_OR_RETURN(const Result row,
                   connection.Execute("SELECT pg_try_advisory_lock(1835363956, lock_id) FROM jobs "
                                      "WHERE name = $1",
                                      {Text(name)}));
  if (row.rows() == 0) return NoJob(name);
  return IsTrue(row, 0, 0);
}

absl::Status Unlock(Connection& connection, std::string_view name) {
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  RETURN_IF_ERROR(transaction
                      ->Execute("SELECT pg_advisory_unlock(1835363956, lock_id) FROM jobs "
                                "WHERE name = $1",
                                {Text(name)})
                      .status());
  RETURN_IF_ERROR(Notify(*transaction));
  return transaction->Commit();
}

absl::StatusOr<Begun> BeginRun(Connection& connection, std::string_view name,
                               std::string_view instance) {
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  ASSIGN_OR_RETURN(const State state, ReadState(*transaction, name));
  Begun begun;
  ASSIGN_OR_RETURN(begun.run, TakeOver(*transaction, name, instance, state, begun.abandoned));
  if (!begun.run && state.requested) {
    RETURN_IF_ERROR(
        transaction->Execute("UPDATE jobs SET request_time = NULL WHERE name = $1", {Text(name)})
            .status());
    ASSIGN_OR_RETURN(begun.run, AddRun(*transaction, name, instance, std::nullopt, 1));
  }
  if (!begun.run) {
    ASSIGN_OR_RETURN(begun.run, TakeDue(*transaction, name, instance, state, begun.missed));
  }
  RETURN_IF_ERROR(transaction->Commit());
  return begun;
}

absl::Status EndRun(Connection& connection, std::string_view name, int64_t run,
                    const absl::StatusOr<std::string>& result) {
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  const std::string message =
      result.ok() ? Message(*result) : Message(std::string(result.status().ToString()));
  ASSIGN_OR_RETURN(
      const Result ended,
      transaction->Execute("UPDATE job_runs SET outcome = $2, end_time = clock_timestamp(), "
                           "message = $3 WHERE id = $1 AND outcome = 'running'",
                           {absl::StrCat(run), result.ok() ? "ok" : "failed", message}));
  if (ended.affected_rows() == 0) {
    return absl::FailedPreconditionError("the run was taken for abandoned before it ended");
  }
  RETURN_IF_ERROR(
      transaction
          ->Execute("DELETE FROM job_runs WHERE job = $1 AND outcome <> 'running' AND id <= "
                    "(SELECT id FROM job_runs WHERE job = $1 ORDER BY id DESC "
                    "OFFSET (SELECT kept_runs FROM jobs WHERE name = $1) LIMIT 1)",
                    {Text(name)})
          .status());
  RETURN_IF_ERROR(Notify(*transaction));
  return transaction->Commit();
}

absl::StatusOr<std::vector<Job>> ListJobs(Connection& connection) {
  return Select(connection, std::nullopt);
}

absl::StatusOr<Job> GetJob(Connection& connection, std::string_view name) {
  ASSIGN_OR_RETURN(std::vector<Job> jobs, Select(connection, std::string(name)));
  if (jobs.empty()) return NoJob(name);
  return std::move(jobs[0]);
}

absl::StatusOr<std::vector<RunRecord>> ListRuns(Connection& connection, std::string_view name,
                                                int limit) {
  RETURN_IF_ERROR(GetJob(connection, name).status());
  ASSIGN_OR_RETURN(const Result rows,
                   connection.Execute(absl::StrCat("SELECT ", RunColumns(),
                                                   " FROM job_runs r JOIN jobs j ON j.name = r.job "
                                                   "WHERE r.job = $1 ORDER BY r.id DESC LIMIT $2"),
                                      {Text(name), absl::StrCat(limit)}));
  std::vector<RunRecord> runs;
  runs.reserve(rows.rows());
  for (size_t row = 0; row < rows.rows(); ++row) runs.push_back(RunOf(rows, row, 0));
  return runs;
}

absl::Status RequestRun(Connection& connection, std::string_view name) {
  ASSIGN_OR_RETURN(const Job job, GetJob(connection, name));
  if (!job.available) {
    return absl::FailedPreconditionError(
        absl::StrCat("no instance is there that can run ", std::string(name),
                     "; the last one was seen at ", *Text(job.seen)));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  RETURN_IF_ERROR(transaction
                      ->Execute("UPDATE jobs SET request_time = coalesce(request_time, "
                                "clock_timestamp()) WHERE name = $1",
                                {Text(name)})
                      .status());
  RETURN_IF_ERROR(Notify(*transaction));
  return transaction->Commit();
}

absl::Status SetEnabled(Connection& connection, std::string_view name, bool enabled) {
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  ASSIGN_OR_RETURN(const State state, ReadState(*transaction, name));
  if (enabled && !state.enabled) {
    RETURN_IF_ERROR(SetDue(*transaction, name, state.schedule.NextAfter(state.now), state.now));
  }
  RETURN_IF_ERROR(transaction
                      ->Execute("UPDATE jobs SET enabled = $2 WHERE name = $1",
                                {Text(name), enabled ? "true" : "false"})
                      .status());
  RETURN_IF_ERROR(Notify(*transaction));
  return transaction->Commit();
}

}  // namespace mentat::jobs
