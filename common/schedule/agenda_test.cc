#include "common/schedule/agenda.h"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "common/base/status_matchers.h"
#include "gtest/gtest.h"

namespace mentat::schedule {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'767'258'000);  // 2026-01-01T09:00:00Z

class AgendaTest : public testing::Test {
 protected:
  void Pass(absl::Duration time) {
    now_.steady += time;
    now_.wall += time;
  }
  // All that is to run at this moment, in its order.
  std::vector<Agenda::Id> TakeAll() {
    std::vector<Agenda::Id> ids;
    while (const auto id = agenda_.Take(now_)) ids.push_back(*id);
    return ids;
  }
  using Ids = std::vector<Agenda::Id>;

  Agenda agenda_;
  Moment now_ = {absl::Seconds(1000), kStart};
};

TEST_F(AgendaTest, NothingIsNothing) {
  EXPECT_EQ(agenda_.Take(now_), std::nullopt);
  EXPECT_EQ(agenda_.Wait(now_), absl::InfiniteDuration());
}

TEST_F(AgendaTest, NextGoesFirstThenWhatIsDueThenNow) {
  const auto now_1 = agenda_.AddNow();
  const auto now_2 = agenda_.AddNow();
  const auto due_late = agenda_.AddAt(kStart - absl::Seconds(1));
  const auto due_early = agenda_.AddAfter(-absl::Seconds(2), now_);
  const auto next_1 = agenda_.AddNext();
  const auto next_2 = agenda_.AddNext();
  EXPECT_EQ(agenda_.Wait(now_), absl::ZeroDuration());
  EXPECT_EQ(TakeAll(), Ids({next_2, next_1, due_early, due_late, now_1, now_2}));
  EXPECT_EQ(agenda_.size(), 0);
}

TEST_F(AgendaTest, AfterGoesByTheSteadyClockAndAtByTheWallClock) {
  const auto after = agenda_.AddAfter(absl::Seconds(10), now_);
  const auto at = agenda_.AddAt(kStart + absl::Seconds(20));
  EXPECT_EQ(agenda_.Wait(now_), absl::Seconds(10));
  now_.wall += absl::Seconds(20);  // set forward
  EXPECT_EQ(TakeAll(), Ids({at}));
  EXPECT_EQ(agenda_.Wait(now_), absl::Seconds(10));
  now_.wall -= absl::Hours(1);
  now_.steady += absl::Seconds(10);
  EXPECT_EQ(TakeAll(), Ids({after}));
}

TEST_F(AgendaTest, AnIntervalKeepsItsBeatAndBundlesWhatWasMissed) {
  const auto every = agenda_.AddEvery(Schedule::Every(absl::Seconds(10)), now_);
  EXPECT_TRUE(TakeAll().empty());
  Pass(absl::Seconds(12));
  EXPECT_EQ(TakeAll(), Ids({every}));
  EXPECT_EQ(agenda_.Wait(now_), absl::Seconds(8));
  Pass(absl::Seconds(35));  // 47: 20, 30 and 40 have passed
  EXPECT_EQ(TakeAll(), Ids({every}));
  EXPECT_EQ(agenda_.Wait(now_), absl::Seconds(3));
  now_.wall += absl::Hours(1000);
  EXPECT_TRUE(TakeAll().empty());
}

TEST_F(AgendaTest, ACronExpressionGoesByTheWallClock) {
  const auto schedule = Schedule::Parse("*/10 * * * *", absl::UTCTimeZone());
  ASSERT_THAT(schedule, IsOk());
  const auto cron = agenda_.AddEvery(*schedule, now_);
  EXPECT_EQ(agenda_.Wait(now_), absl::Minutes(10));
  Pass(absl::Minutes(25));
  EXPECT_EQ(TakeAll(), Ids({cron}));
  EXPECT_EQ(agenda_.Wait(now_), absl::Minutes(5));
  // A correction of the clock: nothing runs twice.
  now_.wall -= absl::Minutes(30);
  EXPECT_EQ(agenda_.Wait(now_), absl::Minutes(35));
  // A clock that was wrong by years: its times are forgotten.
  now_.wall -= absl::Hours(100'000);
  EXPECT_EQ(agenda_.Wait(now_), absl::Minutes(5));
}

TEST_F(AgendaTest, WhatIsRemovedDoesNotRun) {
  const auto now = agenda_.AddNow();
  const auto every = agenda_.AddEvery(Schedule::Every(absl::Seconds(1)), now_);
  EXPECT_TRUE(agenda_.Remove(now));
  EXPECT_FALSE(agenda_.Remove(now));
  EXPECT_TRUE(agenda_.Contains(every));
  EXPECT_TRUE(agenda_.Remove(every));
  EXPECT_FALSE(agenda_.Contains(every));
  Pass(absl::Hours(1));
  EXPECT_TRUE(TakeAll().empty());
}

// Against a model: whoever sleeps for Wait() misses nothing and is never woken for nothing.
TEST_F(AgendaTest, WaitingAsToldRunsEverythingAtItsTime) {
  std::mt19937 random(7);
  std::map<Agenda::Id, absl::Duration> due;  // steady
  for (int i = 0; i < 500; ++i) {
    const auto delay = absl::Milliseconds(std::uniform_int_distribution<int>(0, 100'000)(random));
    const auto id = i % 2 == 0 ? agenda_.AddAfter(delay, now_) : agenda_.AddAt(now_.wall + delay);
    due[id] = now_.steady + delay;
  }
  absl::Duration last = now_.steady;
  while (agenda_.size() > 0) {
    Pass(agenda_.Wait(now_));
    const Ids ids = TakeAll();
    ASSERT_FALSE(ids.empty());
    for (const auto id : ids) {
      EXPECT_EQ(due.at(id), now_.steady);
      due.erase(id);
    }
    EXPECT_GE(now_.steady, last);
    last = now_.steady;
  }
  EXPECT_TRUE(due.empty());
}

}  // namespace
}  // namespace mentat::schedule
