#include "common/schedule/plan.h"

#include <string>

#include "common/base/status_matchers.h"
#include "gtest/gtest.h"

namespace mentat::schedule {
namespace {

const absl::Time kNine = absl::FromUnixSeconds(1'767'258'000);  // 2026-01-01T09:00:00Z

Schedule Hourly() { return Schedule::Parse("0 * * * *", absl::UTCTimeZone()).value(); }

TEST(PlanTest, NothingIsDue) {
  const Plan plan = PlanRun(Hourly(), Missed::kAll, kNine, kNine - absl::Nanoseconds(1));
  EXPECT_EQ(plan.due, std::nullopt);
  EXPECT_EQ(plan.next, kNine);
  EXPECT_EQ(plan.missed, 0);
}

TEST(PlanTest, OnTimeAllPoliciesAreTheSame) {
  for (const Missed missed : {Missed::kSkip, Missed::kOnce, Missed::kAll}) {
    for (const absl::Duration late : {absl::ZeroDuration(), kOnTime}) {
      const Plan plan = PlanRun(Hourly(), missed, kNine, kNine + late);
      EXPECT_EQ(plan.due, kNine);
      EXPECT_EQ(plan.next, kNine + absl::Hours(1));
      EXPECT_EQ(plan.missed, 0);
    }
  }
}

TEST(PlanTest, SkipRunsOnlyWhatIsOnTime) {
  Plan plan = PlanRun(Hourly(), Missed::kSkip, kNine, kNine + absl::Minutes(150));
  EXPECT_EQ(plan.due, std::nullopt);
  EXPECT_EQ(plan.next, kNine + absl::Hours(3));
  EXPECT_EQ(plan.missed, 3);
  plan = PlanRun(Hourly(), Missed::kSkip, kNine, kNine + absl::Hours(2));
  EXPECT_EQ(plan.due, kNine + absl::Hours(2));
  EXPECT_EQ(plan.missed, 2);
}

TEST(PlanTest, OnceMakesUpForAll) {
  const Plan plan = PlanRun(Hourly(), Missed::kOnce, kNine, kNine + absl::Minutes(150));
  EXPECT_EQ(plan.due, kNine + absl::Hours(2));
  EXPECT_EQ(plan.next, kNine + absl::Hours(3));
  EXPECT_EQ(plan.missed, 2);
}

TEST(PlanTest, AllRunsEachInItsOrder) {
  const absl::Time now = kNine + absl::Minutes(150);
  absl::Time due = kNine;
  for (int i = 0; i < 3; ++i) {
    const Plan plan = PlanRun(Hourly(), Missed::kAll, due, now);
    EXPECT_EQ(plan.due, kNine + i * absl::Hours(1));
    EXPECT_EQ(plan.missed, 0);
    due = plan.next;
  }
  EXPECT_EQ(due, kNine + absl::Hours(3));
  EXPECT_EQ(PlanRun(Hourly(), Missed::kAll, due, now).due, std::nullopt);
}

TEST(PlanTest, AllIsBounded) {
  const absl::Time now = kNine + absl::Hours(149);  // 150 times
  const Plan plan = PlanRun(Hourly(), Missed::kAll, kNine, now);
  EXPECT_EQ(plan.due, kNine + absl::Hours(50));
  EXPECT_EQ(plan.missed, 50);
  // Years of seconds are not gone through.
  const Plan seconds =
      PlanRun(Schedule::Every(absl::Seconds(1)), Missed::kAll, kNine, kNine + absl::Hours(100'000));
  EXPECT_EQ(seconds.due, kNine + absl::Hours(100'000) - absl::Seconds(99));
  EXPECT_EQ(seconds.missed, kMostCounted - kMostCaughtUp);
}

TEST(PlanTest, ATimeThatIsNoneAnyMoreIsPassedOver) {
  const absl::Time odd = kNine + absl::Minutes(7);
  const Plan plan = PlanRun(Hourly(), Missed::kOnce, odd, odd);
  EXPECT_EQ(plan.due, std::nullopt);
  EXPECT_EQ(plan.next, kNine + absl::Hours(1));
}

}  // namespace
}  // namespace mentat::schedule
