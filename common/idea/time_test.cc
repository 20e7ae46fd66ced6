#include "common/idea/time.h"

#include <limits>
#include <random>
#include <string>

#include "common/base/status_matchers.h"
#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDay = 86'400 * kSecond;

struct TimestampCase {
  const char* text;
  const char* canonical;
};

TEST(ParseTimestampTest, ReadsEveryForm) {
  for (const auto& [text, canonical] : {
           TimestampCase{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
           {"2024-03-05T15:52:22Z", "2024-03-05T15:52:22Z"},
           {"2024-03-05t15:52:22z", "2024-03-05T15:52:22Z"},
           {"2024-03-05 15:52:22", "2024-03-05T15:52:22Z"},
           {"2020-01-01T00:00:00.5+02:00", "2019-12-31T22:00:00.500000Z"},
           {"2020-01-01T00:00:00-02:30", "2020-01-01T02:30:00Z"},
           {"2020-01-01T00:00:00+02:30", "2019-12-31T21:30:00Z"},
           {"2020-01-01T00:00:00-00:30", "2020-01-01T00:30:00Z"},
           {"2020-01-01T00:00:00-23:59", "2020-01-01T23:59:00Z"},
           {"2020-01-01T00:00:00.000001Z", "2020-01-01T00:00:00.000001Z"},
           {"2020-01-01T00:00:00.1234569Z", "2020-01-01T00:00:00.123456Z"},
           {"2020-01-01T00:00:00.000000Z", "2020-01-01T00:00:00Z"},
           {"2020-02-29T23:59:59.999999Z", "2020-02-29T23:59:59.999999Z"},
           {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"},
           {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
           {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
           {"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"},
       }) {
    const auto micros = ParseTimestamp(text);
    ASSERT_THAT(micros, IsOk()) << text;
    EXPECT_EQ(FormatTimestamp(*micros), canonical) << text;
    EXPECT_EQ(*ParseTimestamp(canonical), *micros) << text;
  }
  EXPECT_EQ(*ParseTimestamp("2024-03-05T15:52:22Z"), 1'709'653'942 * kSecond);
}

TEST(ParseTimestampTest, RefusesWhatIsNoTime) {
  using std::string_literals::operator""s;
  for (const std::string& text : {
           ""s,
           "2020-01-01"s,
           "2020-01-01T00:00Z"s,
           "2020-01-01T00:00:00.Z"s,
           "2020-01-01T00:00:00."s,
           "2020-01-01T00:00:00ZZ"s,
           "2020-01-01T00:00:00 Z"s,
           "2020-01-01T00:00:00Z\n"s,
           "2020-01-01T00:00:00Z\0"s,
           " 2020-01-01T00:00:00Z"s,
           "2020-01-01T00:00:00+0200"s,
           "2020-01-01T00:00:00+02"s,
           "2020-01-01T00:00:00+24:00"s,
           "2020-01-01T00:00:00+02:60"s,
           "2020-01-01T00:00:00+2:000"s,
           "2020-01-01T24:00:00Z"s,
           "2020-01-01T23:60:00Z"s,
           "2016-12-31T23:59:60Z"s,
           "2020-02-30T00:00:00Z"s,
           "2019-02-29T00:00:00Z"s,
           "1900-02-29T00:00:00Z"s,
           "2020-00-01T00:00:00Z"s,
           "2020-13-01T00:00:00Z"s,
           "2020-01-00T00:00:00Z"s,
           "2020-99-99T99:99:99Z"s,
           "0000-12-31T00:00:00Z"s,
           "0001-01-01T00:00:00+02:00"s,
           "9999-12-31T23:59:59-00:01"s,
           "20200101T000000Z"s,
           "+020-01-01T00:00:00Z"s,
           "-001-01-01T00:00:00Z"s,
           "2020-01-01T00:00:00,5Z"s,
           "\xd9\xa2\xd9\xa0"s,
       }) {
    EXPECT_THAT(ParseTimestamp(text), StatusIs(absl::StatusCode::kInvalidArgument, testing::_))
        << text;
  }
}

TEST(ParseTimestampTest, TellsWhetherThereWasAZone) {
  for (const auto& [text, expected] : {
           std::pair{"2020-01-01T00:00:00", false},
           {"2020-01-01T00:00:00.5", false},
           {"2020-01-01T00:00:00Z", true},
           {"2020-01-01T00:00:00.5-00:00", true},
       }) {
    bool has_zone = !expected;
    ASSERT_THAT(ParseTimestamp(text, &has_zone), IsOk()) << text;
    EXPECT_EQ(has_zone, expected) << text;
  }
}

TEST(FormatTimestampTest, IsReadBackAsItWas) {
  std::mt19937_64 random(20240305);
  std::uniform_int_distribution<int64_t> micros(*ParseTimestamp("0001-01-01T00:00:00Z"),
                                                *ParseTimestamp("9999-12-31T23:59:59.999999Z"));
  for (int i = 0; i < 10'000; ++i) {
    const int64_t time = micros(random);
    const auto again = ParseTimestamp(FormatTimestamp(time));
    ASSERT_THAT(again, IsOk()) << time;
    ASSERT_EQ(*again, time);
  }
}

TEST(FormatTimestampTest, HasATextForEveryNumber) {
  EXPECT_FALSE(IsTimestamp(std::numeric_limits<int64_t>::min()));
  EXPECT_FALSE(IsTimestamp(std::numeric_limits<int64_t>::max()));
  EXPECT_FALSE(FormatTimestamp(std::numeric_limits<int64_t>::min()).empty());
  EXPECT_FALSE(FormatTimestamp(std::numeric_limits<int64_t>::max()).empty());
}

TEST(ParseDurationTest, ReadsEveryForm) {
  struct Case {
    const char* text;
    int64_t micros;
    const char* canonical;
  };
  for (const auto& [text, micros, canonical] : {
           Case{"00:05:00", 300 * kSecond, "00:05:00"},
           {"00:00:00", 0, "00:00:00"},
           {"99:99:99", 4 * kDay + (4 * 3600 + 40 * 60 + 39) * kSecond, "4D04:40:39"},
           {"2D01:30:00.5", 2 * kDay + 5400 * kSecond + 500'000, "2D01:30:00.500000"},
           {"2d01:30:00", 2 * kDay + 5400 * kSecond, "2D01:30:00"},
           {"0D00:00:00.00005", 50, "00:00:00.000050"},
           {"00:00:00.0000009", 0, "00:00:00"},
           {"007D00:00:01", 7 * kDay + kSecond, "7D00:00:01"},
           {"106751991D00:00:00", 106'751'991 * kDay, "106751991D00:00:00"},
       }) {
    const auto duration = ParseDuration(text);
    ASSERT_THAT(duration, IsOk()) << text;
    EXPECT_EQ(*duration, micros) << text;
    EXPECT_EQ(FormatDuration(*duration), canonical) << text;
    EXPECT_EQ(*ParseDuration(canonical), micros) << text;
  }
}

TEST(ParseDurationTest, RefusesWhatIsNoDuration) {
  for (const std::string text :
       {"", "5", "00:05", "0:05:00", "00:05:00.", "D00:05:00", "-1D00:05:00", "-00:05:00",
        "1 D00:05:00", "+1D00:05:00", "1D", "1D1D00:00:00", "00:05:00Z", "00:05:00\n",
        "00:05:00.5D", "106751992D00:00:00", "99999999999999999999D00:00:00"}) {
    EXPECT_THAT(ParseDuration(text), StatusIs(absl::StatusCode::kInvalidArgument, testing::_))
        << text;
  }
}

TEST(FormatDurationTest, PrintsNegativeOnesWithASign) {
  EXPECT_EQ(FormatDuration(-5 * kSecond), "-00:00:05");
  EXPECT_EQ(FormatDuration(-kDay - 1), "-1D00:00:00.000001");
  EXPECT_EQ(FormatDuration(std::numeric_limits<int64_t>::min()), "-106751991D04:00:54.775808");
}

}  // namespace
}  // namespace mentat::idea
