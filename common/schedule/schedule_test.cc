#include "common/schedule/schedule.h"

#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/schedule/cron.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::schedule {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::TimeZone Zone(const std::string& name) {
  const auto zone = FindTimeZone(name);
  EXPECT_THAT(zone, IsOk());
  return zone.value_or(absl::UTCTimeZone());
}

absl::Time At(const std::string& text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << text << ": " << error;
  return time;
}

// The times from `first` up to `last`, as the zone writes them.
std::vector<std::string> Times(const std::string& expression, const std::string& zone_name,
                               const std::string& first, const std::string& last) {
  const absl::TimeZone zone = Zone(zone_name);
  const auto schedule = Schedule::Parse(expression, zone);
  EXPECT_THAT(schedule, IsOk());
  std::vector<std::string> times;
  for (absl::Time time = schedule->NextAfter(At(first)); time <= At(last);
       time = schedule->NextAfter(time)) {
    times.push_back(absl::FormatTime("%d %H:%M %Ez", time, zone));
  }
  return times;
}

TEST(TimeZoneTest, TakesNamesOfTheDatabaseAlone) {
  EXPECT_THAT(FindTimeZone("Europe/Prague"), IsOk());
  EXPECT_THAT(FindTimeZone("UTC"), IsOk());
  EXPECT_THAT(FindTimeZone("Etc/GMT+5"), IsOk());
  for (const char* name :
       {"", "Europe/Pragu", "/etc/localtime", "../../etc/passwd", "CEST\n", "file:x"}) {
    EXPECT_THAT(FindTimeZone(name), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("a name such as Europe/Prague or UTC")));
  }
}

TEST(ScheduleTest, Intervals) {
  const auto schedule = Schedule::Parse(" Every 1h30m ", absl::UTCTimeZone());
  ASSERT_THAT(schedule, IsOk());
  EXPECT_EQ(schedule->interval(), absl::Minutes(90));
  EXPECT_EQ(schedule->NextAfter(At("2026-01-01T00:00:01Z")), At("2026-01-01T01:30:01Z"));
  EXPECT_EQ(Schedule::Every(absl::Seconds(10)).interval(), absl::Seconds(10));
  for (const char* wrong : {"every", "every 10", "every -5s", "every 0s", "every 1us", "every day",
                            "every inf", "every 9000h", "every 5m please"}) {
    EXPECT_THAT(Schedule::Parse(wrong, absl::UTCTimeZone()),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected")));
  }
  EXPECT_THAT(Schedule::Parse("every 0s", absl::UTCTimeZone()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("such as 90s or 1h30m")));
}

TEST(ScheduleTest, NextIsLater) {
  const auto schedule = Schedule::Parse("30 4 * * *", absl::UTCTimeZone());
  ASSERT_THAT(schedule, IsOk());
  EXPECT_EQ(schedule->NextAfter(At("2026-01-01T04:29:59.999Z")), At("2026-01-01T04:30:00Z"));
  EXPECT_EQ(schedule->NextAfter(At("2026-01-01T04:30:00Z")), At("2026-01-02T04:30:00Z"));
  EXPECT_EQ(schedule->NextAfter(At("2026-01-01T04:30:00.001Z")), At("2026-01-02T04:30:00Z"));
}

// Clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
TEST(DaylightSavingTest, ATimeThatIsSkippedIsTheMomentOfTheChange) {
  EXPECT_THAT(Times("30 2 * * *", "Europe/Prague", "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z"),
              ElementsAre("28 02:30 +01:00", "29 03:00 +02:00", "30 02:30 +02:00"));
  // Several that are skipped are one.
  EXPECT_THAT(
      Times("*/20 2 * * *", "Europe/Prague", "2026-03-28T23:30:00Z", "2026-03-29T20:00:00Z"),
      ElementsAre("29 03:00 +02:00"));
  EXPECT_THAT(
      Times("30 2-3 * * *", "Europe/Prague", "2026-03-29T00:00:00Z", "2026-03-29T10:00:00Z"),
      ElementsAre("29 03:00 +02:00", "29 03:30 +02:00"));
}

TEST(DaylightSavingTest, OfATimeThatIsTwiceTheFirstIsMeant) {
  EXPECT_THAT(Times("30 2 * * *", "Europe/Prague", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"),
              ElementsAre("25 02:30 +02:00", "26 02:30 +01:00"));
  EXPECT_THAT(
      Times("30 1-3 * * *", "Europe/Prague", "2026-10-24T23:00:00Z", "2026-10-25T12:00:00Z"),
      ElementsAre("25 01:30 +02:00", "25 02:30 +02:00", "25 03:30 +01:00"));
  // Also when asked in the second of the two hours.
  EXPECT_THAT(Times("45 2 * * *", "Europe/Prague", "2026-10-25T01:10:00Z", "2026-10-26T12:00:00Z"),
              ElementsAre("26 02:45 +01:00"));
}

TEST(DaylightSavingTest, WhatRunsEveryHourGoesByTheHoursThatPass) {
  EXPECT_THAT(Times("30 * * * *", "Europe/Prague", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z"),
              ElementsAre("29 01:30 +01:00", "29 03:30 +02:00", "29 04:30 +02:00"));
  EXPECT_THAT(
      Times("30 * * * *", "Europe/Prague", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z"),
      ElementsAre("25 01:30 +02:00", "25 02:30 +02:00", "25 02:30 +01:00", "25 03:30 +01:00"));
}

TEST(DaylightSavingTest, AtMidnight) {
  // Santiago skips 00:00 to 01:00 on 6 September 2026, and has 23:00 to 24:00 twice on 4 April.
  EXPECT_THAT(
      Times("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-07T12:00:00Z"),
      ElementsAre("06 01:00 -03:00", "07 00:00 -03:00"));
  EXPECT_THAT(
      Times("30 23 * * *", "America/Santiago", "2026-04-04T12:00:00Z", "2026-04-06T12:00:00Z"),
      ElementsAre("04 23:30 -03:00", "05 23:30 -04:00"));
  EXPECT_THAT(
      Times("0 * 6 9 *", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T06:30:00Z"),
      ElementsAre("06 01:00 -03:00", "06 02:00 -03:00", "06 03:00 -03:00"));
}

TEST(DaylightSavingTest, HalfAnHour) {
  // Lord Howe Island goes from 02:00 to 02:30 on 4 October 2026.
  EXPECT_THAT(
      Times("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00:00Z", "2026-10-05T00:00:00Z"),
      ElementsAre("04 02:30 +11:00", "05 02:15 +11:00"));
}

// The definition, minute by minute: what NextAfter must find by its leaps.
std::set<absl::Time> ByBruteForce(const Cron& cron, absl::TimeZone zone, absl::Time first,
                                  absl::Time last) {
  std::set<absl::Time> times;
  if (cron.EveryHour()) {
    for (absl::Time time = first; time <= last; time += absl::Minutes(1)) {
      if (cron.Matches(absl::ToCivilMinute(time, zone))) times.insert(time);
    }
    return times;
  }
  const absl::CivilMinute end = absl::ToCivilMinute(last, zone) + 24 * 60;
  for (absl::CivilMinute minute = absl::ToCivilMinute(first, zone) - 24 * 60; minute < end;
       ++minute) {
    if (!cron.Matches(minute)) continue;
    const absl::TimeZone::TimeInfo info = zone.At(absl::CivilSecond(minute));
    const absl::Time time = info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans : info.pre;
    if (time >= first && time <= last) times.insert(time);
  }
  return times;
}

class RandomExpressions {
 public:
  std::string Make() {
    return absl::StrCat(Field(0, 59), " ", Field(0, 23), " ", Field(1, 28), " ", Field(1, 12), " ",
                        Field(0, 7));
  }
  int Number(int first, int last) {
    return std::uniform_int_distribution<int>(first, last)(random_);
  }

 private:
  std::string Field(int min, int max) {
    switch (Number(0, 6)) {
      case 0:
        return absl::StrCat(Number(min, max));
      case 1: {
        const int first = Number(min, max);
        return absl::StrCat(first, "-", Number(first, max));
      }
      case 2:
        return absl::StrCat("*/", Number(1, max - min + 1));
      case 3: {
        const int first = Number(min, max);
        return absl::StrCat(Number(min, max), ",", first, "-", Number(first, max), "/",
                            Number(1, 5));
      }
      default:
        return "*";
    }
  }
  std::mt19937 random_{20261123};
};

TEST(ScheduleTest, IsWhatMatchingMinuteByMinuteGives) {
  const char* zones[] = {"UTC",
                         "Europe/Prague",
                         "America/New_York",
                         "Australia/Lord_Howe",
                         "America/Santiago",
                         "Asia/Kathmandu",
                         "Africa/Casablanca"};
  RandomExpressions expressions;
  int compared = 0;
  for (int round = 0; round < 700; ++round) {
    const std::string text = expressions.Make();
    const auto cron = Cron::Parse(text);
    ASSERT_THAT(cron, IsOk()) << text;
    const absl::TimeZone zone = Zone(zones[round % std::size(zones)]);
    const auto schedule = Schedule::Parse(text, zone);
    ASSERT_THAT(schedule, IsOk());
    // Around a change of the clocks where the zone has them, else anywhere.
    absl::Time middle =
        absl::FromUnixSeconds(1'699'999'980 + 60 * expressions.Number(0, 2'000'000));
    absl::TimeZone::CivilTransition change;
    if (zone.NextTransition(middle, &change)) {
      const auto info = zone.At(change.to);
      middle = info.kind == absl::TimeZone::TimeInfo::REPEATED ? info.trans : info.pre;
    }
    const absl::Time first = middle - absl::Hours(30);
    const absl::Time last = middle + absl::Hours(30);
    const std::set<absl::Time> expected = ByBruteForce(*cron, zone, first, last);
    std::set<absl::Time> found;
    for (absl::Time time = schedule->NextAfter(first - absl::Nanoseconds(1)); time <= last;
         time = schedule->NextAfter(time)) {
      ASSERT_TRUE(found.insert(time).second) << text << " " << zone.name();
    }
    ASSERT_EQ(found, expected) << text << " " << zone.name() << " " << middle;
    compared += static_cast<int>(found.size());

    // From anywhere in between the next is the next.
    const absl::Time from = first + absl::Seconds(expressions.Number(0, 60 * 3600));
    const auto next = expected.upper_bound(from);
    if (next != expected.end()) {
      ASSERT_EQ(schedule->NextAfter(from), *next) << text;
    }

    // The newest times are the end of all times.
    if (expected.empty()) continue;
    const size_t most = static_cast<size_t>(expressions.Number(1, 50));
    std::vector<absl::Time> newest(expected.begin(), expected.end());
    if (newest.size() > most) newest.erase(newest.begin(), newest.end() - static_cast<int>(most));
    ASSERT_EQ(schedule->NewestTimes(*expected.begin(), last, most), newest) << text;
  }
  EXPECT_GT(compared, 10'000);
}

TEST(ScheduleTest, TheNewestTimesOfAnInterval) {
  const Schedule schedule = Schedule::Every(absl::Seconds(10));
  const absl::Time first = At("2020-01-01T00:00:03Z");
  EXPECT_THAT(schedule.NewestTimes(first, first + absl::Seconds(25), 100),
              ElementsAre(first, first + absl::Seconds(10), first + absl::Seconds(20)));
  EXPECT_THAT(schedule.NewestTimes(first, At("2026-01-01T00:00:00Z"), 2),
              ElementsAre(At("2025-12-31T23:59:43Z"), At("2025-12-31T23:59:53Z")));
  EXPECT_THAT(schedule.NewestTimes(first, first - absl::Seconds(1), 5), ElementsAre());
}

TEST(ScheduleTest, TheNewestTimesOfYearsAreFoundAtOnce) {
  const auto schedule = Schedule::Parse("* * * * *", absl::UTCTimeZone());
  ASSERT_THAT(schedule, IsOk());
  const absl::Time last = At("2026-01-01T00:00:30Z");
  EXPECT_THAT(schedule->NewestTimes(At("1990-01-01T00:00:00Z"), last, 2),
              ElementsAre(At("2025-12-31T23:59:00Z"), At("2026-01-01T00:00:00Z")));
}

}  // namespace
}  // namespace mentat::schedule
