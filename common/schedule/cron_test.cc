#include "common/schedule/cron.h"

#include <string>
#include <utility>
#include <vector>

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::schedule {
namespace {

using ::testing::HasSubstr;

std::vector<int> Minutes(const std::string& field) {
  const auto cron = Cron::Parse(field + " * * * *");
  EXPECT_THAT(cron, IsOk());
  std::vector<int> minutes;
  for (int minute = 0; cron.ok() && minute < 60; ++minute) {
    if (cron->MatchesMinuteOfHour(minute)) minutes.push_back(minute);
  }
  return minutes;
}

// The days of the month that match, in a month that begins on a Thursday.
std::vector<int> DaysOfJanuary2026(const std::string& days, const std::string& months,
                                   const std::string& weekdays) {
  const auto cron = Cron::Parse("0 0 " + days + " " + months + " " + weekdays);
  EXPECT_THAT(cron, IsOk());
  std::vector<int> matching;
  for (int day = 1; cron.ok() && day <= 31; ++day) {
    if (cron->MatchesDay(absl::CivilDay(2026, 1, day))) matching.push_back(day);
  }
  return matching;
}

TEST(CronTest, ValuesRangesStepsAndLists) {
  using Values = std::vector<int>;
  EXPECT_EQ(Minutes("7"), Values({7}));
  EXPECT_EQ(Minutes("007"), Values({7}));
  EXPECT_EQ(Minutes("3-5"), Values({3, 4, 5}));
  EXPECT_EQ(Minutes("*/20"), Values({0, 20, 40}));
  EXPECT_EQ(Minutes("*/60"), Values({0}));
  EXPECT_EQ(Minutes("10-30/7"), Values({10, 17, 24}));
  EXPECT_EQ(Minutes("59,1,1-2,40-50/10"), Values({1, 2, 40, 50, 59}));
  EXPECT_EQ(Minutes("*").size(), 60);
}

TEST(CronTest, NamesAndSundays) {
  using Days = std::vector<int>;
  const Days sundays = {4, 11, 18, 25};
  EXPECT_EQ(DaysOfJanuary2026("*", "*", "0"), sundays);
  EXPECT_EQ(DaysOfJanuary2026("*", "*", "7"), sundays);
  EXPECT_EQ(DaysOfJanuary2026("*", "JAN", "Sun"), sundays);
  EXPECT_EQ(DaysOfJanuary2026("*", "feb-dec", "sun"), Days());
  EXPECT_EQ(DaysOfJanuary2026("*", "*", "fri-sun"),
            Days({2, 3, 4, 9, 10, 11, 16, 17, 18, 23, 24, 25, 30, 31}));
  EXPECT_EQ(DaysOfJanuary2026("*", "*", "5-7"), DaysOfJanuary2026("*", "*", "fri-sun"));
  EXPECT_EQ(DaysOfJanuary2026("*", "*", "0-7").size(), 31);
}

TEST(CronTest, OneDayFieldIsEnoughWhereBothSaySomething) {
  using Days = std::vector<int>;
  EXPECT_EQ(DaysOfJanuary2026("13", "*", "fri"), Days({2, 9, 13, 16, 23, 30}));
  EXPECT_EQ(DaysOfJanuary2026("*/2", "*", "fri"), Days({9, 23}));
  EXPECT_EQ(DaysOfJanuary2026("1-10", "*", "*"), Days({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST(CronTest, ShortNames) {
  const std::pair<std::string, std::string> same[] = {
      {"@yearly", "0 0 1 1 *"},     {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
      {"@weekly", "0 0 * * 0"},     {"@daily", "0 0 * * *"},    {"@Midnight", "0 0 * * *"},
      {" @hourly ", "0\t*  * * * "}};
  for (const auto& [name, fields] : same) {
    const auto by_name = Cron::Parse(name);
    const auto by_fields = Cron::Parse(fields);
    ASSERT_THAT(by_name, IsOk());
    ASSERT_THAT(by_fields, IsOk());
    absl::CivilMinute minute(2026, 1, 1, 0, 0);
    for (int i = 0; i < 20; ++i) {
      ASSERT_EQ(by_name->FirstFrom(minute), by_fields->FirstFrom(minute)) << name;
      minute = *by_name->FirstFrom(minute) + 1;
    }
  }
}

TEST(CronTest, ErrorsNameTheFieldAndWhatIsAllowed) {
  const std::pair<std::string, std::string> wrong[] = {
      {"60 * * * *", "minute \"60\": 60 is out of bounds; allowed are 0 to 59"},
      {"* 24 * * *", "hour \"24\": 24 is out of bounds; allowed are 0 to 23"},
      {"* * 0 * *", "day of month \"0\": 0 is out of bounds; allowed are 1 to 31"},
      {"* * * 13 *", "month \"13\": 13 is out of bounds; allowed are 1 to 12, or jan to dec"},
      {"* * * * 8", "day of week \"8\": 8 is out of bounds; allowed are 0 to 7, where 0 and 7"},
      {"* * * * mon-tues", "day of week \"mon-tues\": \"tues\" is no value"},
      {"* * * mon *", "month \"mon\": \"mon\" is no value"},
      {"-1 * * * *", "minute \"-1\": a value is missing"},
      {"+1 * * * *", "minute \"+1\": \"+1\" is no value"},
      {"1, * * * *", "minute \"\": a value is missing"},
      {"99999999999999999999 * * * *", "is no value"},
      {"30-10 * * * *", "minute \"30-10\": the range ends before it begins"},
      {"*/0 * * * *", "minute \"*/0\": a step is a number from 1 to 60"},
      {"*/61 * * * *", "a step is a number from 1 to 60"},
      {"* */ * * *", "hour \"*/\": a step is a number from 1 to 24"},
      {"3/10 * * * *",
       "minute \"3/10\": a step needs * or a range before it, as in */10 or 0-59/10"},
      {"* * * *", "\"* * * *\" has 4 fields; expected five: minute, hour, day of month, month"},
      {"* * * * * *", "has 6 fields"},
      {"", "has 0 fields"},
      {"@reboot", "\"@reboot\" is not known; allowed are @yearly"},
      {"0 0 30 2 *", "no day of the calendar"},
      {"0 0 31 4,6,9,11 *", "no day of the calendar"},
      {"\x01\n * * * *", "\\001"},
      {std::string(2000, '1'), "of 2000 bytes"},
  };
  for (const auto& [text, error] : wrong) {
    EXPECT_THAT(Cron::Parse(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(error)));
  }
}

TEST(CronTest, FindsRareDays) {
  const auto leap = Cron::Parse("0 12 29 2 *");
  ASSERT_THAT(leap, IsOk());
  EXPECT_EQ(leap->FirstFrom(absl::CivilMinute(2096, 3, 1)), absl::CivilMinute(2104, 2, 29, 12, 0));
  // 29 February on a Sunday: every 28 years, but across 2100.
  const auto sunday = Cron::Parse("0 0 */28 2 sun");
  ASSERT_THAT(sunday, IsOk());
  EXPECT_EQ(sunday->FirstDayFrom(absl::CivilDay(2032, 2, 2)), absl::CivilDay(2032, 2, 29));
}

}  // namespace
}  // namespace mentat::schedule
