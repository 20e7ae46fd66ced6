#include "common/jobs/job_table.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/jobs/job_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::jobs {
namespace {

using ::testing::HasSubstr;

class JobTableTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    connection_ = Open();
    definition_ = {.name = kJob, .description = "Writes a row.", .schedule = "every 1h"};
    ASSERT_THAT(Register(*connection_, definition_), IsOk());
  }

  Begun Begin() {
    const auto begun = BeginRun(*connection_, kJob, "one");
    EXPECT_THAT(begun, IsOk());
    return begun.value_or(Begun());
  }
  Job Get() { return GetJob(*connection_, kJob).value(); }
  std::vector<RunRecord> Runs() { return ListRuns(*connection_, kJob, 1000).value(); }

  std::unique_ptr<store::Connection> connection_;
  Definition definition_;
};

TEST_F(JobTableTest, AWrongConfigurationNamesItsField) {
  definition_.schedule = "61 * * * *";
  EXPECT_THAT(Register(*connection_, definition_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("schedule: minute \"61\"")));
  definition_.schedule = "every 10ms";
  EXPECT_THAT(Register(*connection_, definition_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("once a second")));
  definition_.schedule = "@daily";
  definition_.time_zone = "Mars/Olympus";
  EXPECT_THAT(Register(*connection_, definition_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("time_zone: ")));
  EXPECT_THAT(ParseMissed("never"), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("missed: expected skip, once or all")));
}

TEST_F(JobTableTest, WhatIsRegisteredIsShown) {
  definition_ = {.name = kJob,
                 .description = "Otherwise.",
                 .schedule = "30 2 * * *",
                 .time_zone = "Europe/Prague",
                 .missed = "all",
                 .attempts = 3,
                 .kept_runs = 7};
  ASSERT_THAT(Register(*connection_, definition_), IsOk());
  const Job job = Get();
  EXPECT_EQ(job.definition.description, "Otherwise.");
  EXPECT_EQ(job.definition.schedule, "30 2 * * *");
  EXPECT_EQ(job.definition.time_zone, "Europe/Prague");
  EXPECT_EQ(job.definition.missed, "all");
  EXPECT_EQ(job.definition.attempts, 3);
  EXPECT_EQ(job.definition.kept_runs, 7);
  EXPECT_TRUE(job.definition.enabled);
  EXPECT_TRUE(job.available);
  EXPECT_FALSE(job.running);
  EXPECT_FALSE(job.requested);
  EXPECT_FALSE(job.last_run.has_value());
  EXPECT_EQ(Query("SELECT to_char(next_due AT TIME ZONE 'Europe/Prague', 'HH24:MI') FROM jobs"),
            "02:30");
}

TEST_F(JobTableTest, OnlyAnotherScheduleMovesTheNextTime) {
  MakeDue("-7 minutes");
  const auto due = Get().next_due;
  definition_.description = "Otherwise.";
  ASSERT_THAT(Register(*connection_, definition_), IsOk());
  EXPECT_EQ(Get().next_due, due);
  definition_.schedule = "every 2h";
  ASSERT_THAT(Register(*connection_, definition_), IsOk());
  EXPECT_GT(*Get().next_due, *due + absl::Hours(1));
}

TEST_F(JobTableTest, TheLastWordOnEnabledHolds) {
  ASSERT_THAT(SetEnabled(*connection_, kJob, false), IsOk());
  ASSERT_THAT(Register(*connection_, definition_), IsOk());  // a restart changes nothing
  EXPECT_FALSE(Get().definition.enabled);
  definition_.enabled = false;
  ASSERT_THAT(Register(*connection_, definition_), IsOk());
  ASSERT_THAT(SetEnabled(*connection_, kJob, true), IsOk());
  ASSERT_THAT(Register(*connection_, definition_), IsOk());
  EXPECT_TRUE(Get().definition.enabled);
  definition_.enabled = true;
  ASSERT_THAT(Register(*connection_, definition_), IsOk());
  definition_.enabled = false;
  ASSERT_THAT(Register(*connection_, definition_), IsOk());
  EXPECT_FALSE(Get().definition.enabled);
}

TEST_F(JobTableTest, ADueTimeIsRunOnce) {
  EXPECT_FALSE(Begin().run.has_value());
  MakeDue("30 seconds");
  const auto due = Get().next_due;
  const Begun begun = Begin();
  ASSERT_TRUE(begun.run.has_value());
  EXPECT_EQ(begun.run->due, due);
  EXPECT_EQ(begun.run->attempt, 1);
  EXPECT_EQ(begun.missed, 0);
  EXPECT_EQ(Get().next_due, *due + absl::Hours(1));
  ASSERT_THAT(EndRun(*connection_, kJob, begun.run->id, std::string("3 rows")), IsOk());
  EXPECT_FALSE(Begin().run.has_value());
  const auto runs = Runs();
  ASSERT_EQ(runs.size(), 1);
  EXPECT_EQ(runs[0].due, due);
  EXPECT_EQ(runs[0].outcome, Outcome::kOk);
  EXPECT_EQ(runs[0].message, "3 rows");
  EXPECT_EQ(runs[0].instance, "one");
  EXPECT_GE(*runs[0].end, runs[0].start);
  EXPECT_EQ(Get().last_run->message, "3 rows");
}

TEST_F(JobTableTest, FailuresAreWrittenDown) {
  MakeDue("0 seconds");
  const Begun begun = Begin();
  std::string text = "no\0 " + std::string(1998, 'x') + "ž";
  text[2] = '\0';
  ASSERT_THAT(EndRun(*connection_, kJob, begun.run->id, absl::InternalError(text)), IsOk());
  const auto runs = Runs();
  EXPECT_EQ(runs[0].outcome, Outcome::kFailed);
  EXPECT_THAT(runs[0].message, HasSubstr("INTERNAL: no"));
  EXPECT_LE(runs[0].message.size(), 2000);
}

TEST_F(JobTableTest, MissedTimesByPolicy) {
  const auto times = [this](const std::string& missed) {
    definition_.missed = missed;
    EXPECT_THAT(Register(*connection_, definition_), IsOk());
    Query("DELETE FROM job_runs");
    MakeDue("2 hours 30 minutes");  // three times
    std::string found;
    for (Begun begun = Begin();; begun = Begin()) {
      if (begun.missed > 0) absl::StrAppend(&found, "missed ", begun.missed, " ");
      if (!begun.run) return found;
      EXPECT_THAT(EndRun(*connection_, kJob, begun.run->id, std::string()), IsOk());
      absl::StrAppend(&found, "run ");
    }
  };
  EXPECT_EQ(times("skip"), "missed 3 ");
  EXPECT_EQ(Runs()[0].outcome, Outcome::kMissed);
  EXPECT_THAT(Runs()[0].message, HasSubstr("3 times from 20"));
  EXPECT_EQ(times("once"), "missed 2 run ");
  EXPECT_EQ(times("all"), "run run run ");
  EXPECT_GT(Get().next_due, Runs()[0].due);
}

TEST_F(JobTableTest, ARunOnRequestNeedsNoTimeAndNoSchedule) {
  ASSERT_THAT(SetEnabled(*connection_, kJob, false), IsOk());
  ASSERT_THAT(RequestRun(*connection_, kJob), IsOk());
  ASSERT_THAT(RequestRun(*connection_, kJob), IsOk());  // both are one
  EXPECT_TRUE(Get().requested);
  const Begun begun = Begin();
  ASSERT_TRUE(begun.run.has_value());
  EXPECT_EQ(begun.run->due, std::nullopt);
  EXPECT_FALSE(Get().requested);
  ASSERT_THAT(RequestRun(*connection_, kJob), IsOk());  // for another one after this
  ASSERT_THAT(EndRun(*connection_, kJob, begun.run->id, std::string()), IsOk());
  EXPECT_TRUE(Begin().run.has_value());
}

TEST_F(JobTableTest, NobodyCanBeAskedWhereNobodyIs) {
  Query("UPDATE jobs SET seen_time = '2026-01-01Z'");
  EXPECT_FALSE(Get().available);
  EXPECT_THAT(RequestRun(*connection_, kJob),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("2026-01-01T00:00:00Z")));
  const std::string names[] = {kJob};
  ASSERT_THAT(Look(*connection_, names), IsOk());
  EXPECT_TRUE(Get().available);
}

TEST_F(JobTableTest, AnAbandonedRunIsMadeAgainWithinTheAttempts) {
  MakeDue("10 seconds");
  const Begun first = Begin();
  // The instance is dead: nobody holds the lock.
  EXPECT_EQ(Runs()[0].outcome, Outcome::kAbandoned);
  const Begun second = Begin();
  ASSERT_TRUE(second.run.has_value());
  EXPECT_EQ(second.abandoned, 1);
  EXPECT_EQ(second.run->due, first.run->due);
  EXPECT_EQ(second.run->attempt, 2);
  // Whoever comes back late changes nothing.
  EXPECT_THAT(EndRun(*connection_, kJob, first.run->id, std::string("late")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("abandoned")));
  const Begun third = Begin();
  EXPECT_FALSE(third.run.has_value());
  EXPECT_EQ(third.abandoned, 1);
  EXPECT_EQ(Query("SELECT string_agg(attempt || outcome, ' ' ORDER BY id) FROM job_runs"),
            "1abandoned 2abandoned");
}

TEST_F(JobTableTest, AnAbandonedRunOfADisabledJobIsNotMadeAgain) {
  MakeDue("10 seconds");
  Begin();
  ASSERT_THAT(SetEnabled(*connection_, kJob, false), IsOk());
  EXPECT_FALSE(Begin().run.has_value());
  ASSERT_THAT(RequestRun(*connection_, kJob), IsOk());
  Begin();
  EXPECT_TRUE(Begin().run.has_value());  // what was asked for is
}

TEST_F(JobTableTest, EnabledAgainItWaitsForItsNextTime) {
  ASSERT_THAT(SetEnabled(*connection_, kJob, false), IsOk());
  MakeDue("5 hours");
  EXPECT_FALSE(Begin().run.has_value());
  ASSERT_THAT(SetEnabled(*connection_, kJob, true), IsOk());
  const Begun begun = Begin();
  EXPECT_FALSE(begun.run.has_value());
  EXPECT_EQ(begun.missed, 0);
}

TEST_F(JobTableTest, TheTimesOfAClockThatWasWrongAreForgotten) {
  Query("UPDATE jobs SET next_due = '2040-01-01Z', due_set_time = '2039-12-31Z'");
  const std::string names[] = {kJob};
  EXPECT_EQ(Look(*connection_, names)->at(kJob).wait, absl::ZeroDuration());
  EXPECT_FALSE(Begin().run.has_value());
  EXPECT_GT(Look(*connection_, names)->at(kJob).wait, absl::Minutes(59));
  EXPECT_LE(Look(*connection_, names)->at(kJob).wait, absl::Minutes(60));
}

TEST_F(JobTableTest, ATimeThatComesAgainIsRunAgain) {
  MakeDue("10 seconds");
  const Begun first = Begin();
  ASSERT_TRUE(first.run.has_value());
  ASSERT_THAT(EndRun(*connection_, kJob, first.run->id, std::string()), IsOk());
  // The clock was ahead by days when that was run, and has been put right.
  Query("UPDATE jobs SET next_due = (SELECT due_time FROM job_runs)");
  const Begun again = Begin();
  ASSERT_TRUE(again.run.has_value());
  EXPECT_EQ(again.run->due, first.run->due);
  ASSERT_THAT(EndRun(*connection_, kJob, again.run->id, std::string()), IsOk());
  EXPECT_FALSE(Begin().run.has_value());
}

TEST_F(JobTableTest, TheHistoryIsBounded) {
  definition_.kept_runs = 5;
  definition_.missed = "all";
  ASSERT_THAT(Register(*connection_, definition_), IsOk());
  MakeDue("20 hours");
  for (Begun begun = Begin(); begun.run; begun = Begin()) {
    ASSERT_THAT(EndRun(*connection_, kJob, begun.run->id, std::string()), IsOk());
  }
  EXPECT_EQ(Runs().size(), 5);
  EXPECT_EQ(Runs()[0].due, *Get().next_due - absl::Hours(1));
  EXPECT_EQ(ListRuns(*connection_, kJob, 2)->size(), 2);
}

TEST_F(JobTableTest, TheLockIsTheConnections) {
  auto other = Open();
  const std::string names[] = {kJob};
  const auto locked = [&] { return Look(*connection_, names)->at(kJob).locked; };
  EXPECT_FALSE(locked());
  ASSERT_TRUE(TryLock(*other, kJob).value());
  EXPECT_TRUE(locked());
  EXPECT_TRUE(Get().running);
  EXPECT_FALSE(TryLock(*connection_, kJob).value());
  other->Interrupt();
  other = nullptr;
  WaitFor("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "0");
  EXPECT_TRUE(TryLock(*connection_, kJob).value());
  ASSERT_THAT(Unlock(*connection_, kJob), IsOk());
  EXPECT_FALSE(locked());
}

TEST_F(JobTableTest, UnknownNamesAreNotFound) {
  const auto not_found =
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("there is no job \"a\\nb\""));
  EXPECT_THAT(GetJob(*connection_, "a\nb"), not_found);
  EXPECT_THAT(ListRuns(*connection_, "a\nb", 1), not_found);
  EXPECT_THAT(RequestRun(*connection_, "a\nb"), not_found);
  EXPECT_THAT(SetEnabled(*connection_, "a\nb", true), not_found);
  EXPECT_THAT(TryLock(*connection_, "a\nb"), not_found);
}

}  // namespace
}  // namespace mentat::jobs
