// Several instances of a service over one database: in threads, and as processes that are killed.
#include "common/jobs/job_runner.h"

#include <signal.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/base/status_matchers.h"
#include "common/jobs/job_fixture.h"
#include "common/jobs/job_table.h"
#include "common/service/testing/child_process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"

namespace mentat::jobs {
namespace {

using ::testing::HasSubstr;
using testing_support::ChildProcess;

constexpr char kEnded[] =
    "SELECT count(*) FROM job_runs WHERE outcome NOT IN ('running', 'missed')";

config::v1::JobConfig Config(const std::string& schedule = "every 1h") {
  config::v1::JobConfig config;
  config.set_schedule(schedule);
  config.set_time_zone("UTC");
  config.set_missed("all");
  config.set_enabled(true);
  config.set_attempts(2);
  config.set_kept_runs(10000);
  return config;
}

// An instance in a thread.
class Instance {
 public:
  using Work = std::function<absl::StatusOr<std::string>(JobRun&)>;
  Instance(const store::ConnectionOptions& options, const std::string& name, Work work)
      : runner_({.database = options, .instance = name, .registry = &registry_}) {
    EXPECT_THAT(
        runner_.Add({.name = kJob, .description = "Test.", .work = std::move(work)}, Config()),
        IsOk());
    thread_ = std::jthread([this](std::stop_token stop) { runner_.Run(std::move(stop)); });
  }

 private:
  prometheus::Registry registry_;
  JobRunner runner_;
  std::jthread thread_;
};

class JobRunnerTest : public JobTest {
 protected:
  Instance::Work WriteEffect(const std::string& name) {
    return [name](JobRun& run) -> absl::StatusOr<std::string> {
      RETURN_IF_ERROR(
          run.connection
              .Execute("INSERT INTO effects VALUES ($1::timestamptz, $2, $3)",
                       {absl::FormatTime(absl::RFC3339_full, run.due.value_or(absl::UnixEpoch()),
                                         absl::UTCTimeZone()),
                        absl::StrCat(run.attempt), name})
              .status());
      return "written";
    };
  }
  // Until the instances have made the job known and wait.
  void WaitForJob() { WaitFor("SELECT count(*) FROM jobs", "1"); }

  std::unique_ptr<ChildProcess> StartProcess(const std::string& instance, const std::string& work) {
    auto process = ChildProcess::Start("common/jobs/job_process", {options().dsn, instance, work},
                                       testing::TempDir() + "/" + instance + ".log");
    EXPECT_THAT(process, IsOk());
    WaitFor("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = '" + instance +
                "' AND query LIKE '%clock_timestamp() END%'",
            "t");
    return *std::move(process);
  }
};

TEST_F(JobRunnerTest, AWrongConfigurationIsRefused) {
  prometheus::Registry registry;
  JobRunner runner({.registry = &registry});
  EXPECT_THAT(runner.Add({.name = "x"}, Config("* * * * fun")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("schedule: day of week \"fun\": \"fun\" is no value")));
}

TEST_F(JobRunnerTest, EveryDueTimeOfManyIsRunByOneInstance) {
  constexpr int kTimes = 60;
  Instance one(options(), "one", WriteEffect("one"));
  Instance two(options(), "two", WriteEffect("two"));
  Instance three(options(), "three", WriteEffect("three"));
  WaitForJob();
  for (int i = 0; i < kTimes; ++i) {
    MakeDue(absl::StrCat(i, " seconds"));
    WaitFor(kEnded, absl::StrCat(i + 1));
  }
  EXPECT_EQ(Query("SELECT count(*) FROM effects"), absl::StrCat(kTimes));
  EXPECT_EQ(Query("SELECT count(*) FROM job_runs WHERE outcome = 'ok' AND attempt = 1"),
            absl::StrCat(kTimes));
}

TEST_F(JobRunnerTest, WhatIsThrownIsAFailureOfTheRun) {
  Instance one(options(), "one", [](JobRun&) -> absl::StatusOr<std::string> {
    throw std::runtime_error("no such thing");
  });
  WaitForJob();
  MakeDue("0 seconds");
  WaitFor(kEnded, "1");
  EXPECT_EQ(Query("SELECT outcome || ' ' || message FROM job_runs"),
            "failed INTERNAL: exception: no such thing");
}

TEST_F(JobRunnerTest, WhatWasMissedIsCaughtUpWithOnce) {
  {
    Instance one(options(), "one", WriteEffect("one"));
    WaitForJob();
  }
  MakeDue("50 hours");  // while nobody was there: 51 times
  Instance one(options(), "one", WriteEffect("one"));
  Instance two(options(), "two", WriteEffect("two"));
  Instance three(options(), "three", WriteEffect("three"));
  WaitFor("SELECT next_due > clock_timestamp() FROM jobs", "t");
  WaitFor(kEnded, "51");
  EXPECT_EQ(Query("SELECT count(*) || ' ' || count(DISTINCT due_time) FROM effects"), "51 51");
}

TEST_F(JobRunnerTest, ARunOnRequestBeginsAtOnce) {
  Instance one(options(), "one", WriteEffect("one"));
  WaitForJob();
  const auto connection = Open();
  ASSERT_THAT(RequestRun(*connection, kJob), IsOk());
  WaitFor("SELECT count(*) FROM job_runs WHERE due_time IS NULL AND outcome = 'ok'", "1");
  ASSERT_THAT(SetEnabled(*connection, kJob, false), IsOk());
  MakeDue("1 second");
  ASSERT_THAT(RequestRun(*connection, kJob), IsOk());
  WaitFor("SELECT count(*) FROM job_runs WHERE due_time IS NULL AND outcome = 'ok'", "2");
  EXPECT_EQ(Query("SELECT count(*) FROM job_runs WHERE due_time IS NOT NULL"), "0");
}

TEST_F(JobRunnerTest, AJobThatFailsSaysWhyAndRunsAtItsNextTime) {
  Instance one(options(), "one", [](JobRun&) -> absl::StatusOr<std::string> {
    return absl::InternalError("broken");
  });
  WaitForJob();
  MakeDue("1 second");
  WaitFor("SELECT count(*) FROM job_runs WHERE outcome = 'failed' AND message = 'INTERNAL: broken'",
          "1");
  MakeDue("0 seconds");
  WaitFor(kEnded, "2");
}

TEST_F(JobRunnerTest, StoppingEndsAJobThatListens) {
  Mutex mutex;
  CondVar changed;
  bool began = false;
  {
    Instance one(options(), "one", [&](JobRun& run) -> absl::StatusOr<std::string> {
      {
        const MutexLock lock(mutex);
        began = true;
        changed.NotifyAll();
      }
      Pause(absl::InfiniteDuration(), run.stop);
      return absl::CancelledError("stopped");
    });
    WaitForJob();
    MakeDue("1 second");
    const MutexLock lock(mutex);
    changed.Wait(mutex, [&] { return began; });
  }
  // Another instance makes the run again at once.
  Instance two(options(), "two", WriteEffect("two"));
  WaitFor("SELECT string_agg(outcome || attempt || instance, ' ' ORDER BY id) FROM job_runs",
          "abandoned1one ok2two");
}

TEST_F(JobRunnerTest, StoppingCutsAStatementThatDoesNotEnd) {
  {
    Instance one(options(), "one", [&](JobRun& run) -> absl::StatusOr<std::string> {
      RETURN_IF_ERROR(run.connection.Execute("SELECT pg_sleep(600)").status());
      return "slept";
    });
    WaitForJob();
    MakeDue("1 second");
    WaitFor("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'", "1");
  }
  EXPECT_EQ(Query("SELECT outcome FROM job_runs"), "running");  // as far as anybody knows
}

TEST_F(JobRunnerTest, ADatabaseThatRestartsIsFoundAgain) {
  Instance one(options(), "one", WriteEffect("one"));
  WaitForJob();
  ASSERT_THAT(cluster().Restart("immediate"), IsOk());
  ReopenQueries();
  MakeDue("1 second");
  WaitFor(kEnded, "1");
}

TEST_F(JobRunnerTest, TheRunOfAKilledProcessIsTakenOver) {
  auto one = StartProcess("one", "hang");
  MakeDue("1 second");
  WaitFor("SELECT count(*) FROM effects WHERE instance = 'one'", "1");
  auto two = StartProcess("two", "quick");
  auto three = StartProcess("three", "quick");
  EXPECT_EQ(Query("SELECT outcome FROM job_runs"), "running");
  one->Signal(SIGKILL);
  ASSERT_THAT(one->Wait(), IsOk());
  WaitFor("SELECT string_agg(outcome || attempt, ' ' ORDER BY id) FROM job_runs", "abandoned1 ok2");
  EXPECT_EQ(Query("SELECT count(DISTINCT due_time) FROM job_runs"), "1");
  EXPECT_EQ(Query("SELECT count(*) FROM effects WHERE instance <> 'one' AND attempt = 2"), "1");
  two->Signal(SIGTERM);
  three->Signal(SIGTERM);
  EXPECT_EQ(two->Wait().value(), 0);
  EXPECT_EQ(three->Wait().value(), 0);
}

TEST_F(JobRunnerTest, AlsoWhereTheKilledOneWaitedForAStatement) {
  auto one = StartProcess("one", "hang-in-database");
  MakeDue("1 second");
  WaitFor("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'", "1");
  auto two = StartProcess("two", "quick");
  one->Signal(SIGKILL);
  ASSERT_THAT(one->Wait(), IsOk());
  WaitFor("SELECT string_agg(outcome || attempt, ' ' ORDER BY id) FROM job_runs", "abandoned1 ok2");
}

// Killed again and again, at any moment: no time is lost, none is done twice but those that were
// cut off.
TEST_F(JobRunnerTest, KillingProcessesAtRandomLosesNoTime) {
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    auto one = StartProcess("one", "quick");
    auto two = StartProcess("two", "quick");
    Query("UPDATE jobs SET next_due = clock_timestamp() - interval '95 seconds'");
    Query(absl::StrCat("NOTIFY ", std::string(kChannel)));
    Query(absl::StrCat("SELECT pg_sleep(", round * 0.004, ")"));
    one->Signal(SIGKILL);
    WaitFor(
        "SELECT next_due > clock_timestamp() AND NOT EXISTS (SELECT FROM job_runs WHERE outcome = "
        "'running') FROM jobs",
        "t");
    two->Signal(SIGKILL);
    ASSERT_THAT(two->Wait(), IsOk());
  }
  // Each time has a run that ended well.
  EXPECT_EQ(Query("SELECT count(*) FROM (SELECT due_time FROM job_runs WHERE due_time IS NOT NULL "
                  "GROUP BY due_time HAVING count(*) FILTER (WHERE outcome = 'ok') <> 1) x"),
            "0");
  EXPECT_GE(std::stoi(Query("SELECT count(DISTINCT due_time) FROM job_runs")), 10 * kRounds - 10);
  // Work was done twice only where the first instance died before that was written down.
  EXPECT_EQ(
      Query("SELECT count(*) FROM (SELECT due_time FROM effects GROUP BY due_time HAVING count(*) "
            "> 1) e WHERE NOT EXISTS (SELECT FROM job_runs r WHERE r.due_time = e.due_time AND "
            "outcome = 'abandoned')"),
      "0");
}

}  // namespace
}  // namespace mentat::jobs
