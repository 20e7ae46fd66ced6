#include "common/idea/time.h"

#include <algorithm>
#include <limits>
#include <random>
#include <string>

#include "absl/time/civil_time.h"
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

std::string Padded(int number, int width) {
  std::string digits = std::to_string(number);
  return std::string(std::max<int>(0, width - static_cast<int>(digits.size())), '0') + digits;
}

// Every day that a calendar has, and no other.
TEST(ParseTimestampTest, KnowsTheCalendar) {
  constexpr int64_t kYears[] = {1,    4,    100,  400,  1582, 1899, 1900,
                                1969, 1970, 2000, 2023, 2024, 9999};
  for (const int64_t year : kYears) {
    for (int month = 0; month <= 13; ++month) {
      for (int day = 0; day <= 32; ++day) {
        const absl::CivilDay civil(year, month, day);
        const bool exists = civil.year() == year && civil.month() == month && civil.day() == day;
        const std::string text = Padded(static_cast<int>(year), 4) + "-" + Padded(month, 2) + "-" +
                                 Padded(day, 2) + "T12:00:00Z";
        const auto micros = ParseTimestamp(text);
        ASSERT_EQ(micros.ok(), exists) << text;
        if (!exists) continue;
        ASSERT_EQ(*micros, (civil - absl::CivilDay(1970)) * kDay + kDay / 2) << text;
      }
    }
  }
}

TEST(ParseTimestampTest, KnowsTheClockAndTheZones) {
  for (int hour = 0; hour < 100; ++hour) {
    for (int minute = 0; minute < 100; ++minute) {
      const std::string clock = Padded(hour, 2) + ":" + Padded(minute, 2);
      const bool exists = hour < 24 && minute < 60;
      const auto time = ParseTimestamp("2024-03-05T" + clock + ":07Z");
      ASSERT_EQ(time.ok(), exists) << clock;
      // An offset goes as far as a clock does.
      const auto east = ParseTimestamp("2024-03-05T00:00:00+" + clock);
      const auto west = ParseTimestamp("2024-03-05T00:00:00-" + clock);
      ASSERT_EQ(east.ok(), exists) << clock;
      ASSERT_EQ(west.ok(), exists) << clock;
      if (!exists) continue;
      const int64_t midnight = *ParseTimestamp("2024-03-05T00:00:00Z");
      const int64_t span = (hour * 3600 + minute * 60) * kSecond;
      ASSERT_EQ(*time, midnight + span + 7 * kSecond);
      ASSERT_EQ(*east, midnight - span);
      ASSERT_EQ(*west, midnight + span);
    }
  }
  for (int second = 0; second < 100; ++second) {
    EXPECT_EQ(ParseTimestamp("2024-03-05T23:59:" + Padded(second, 2) + "Z").ok(), second < 60);
  }
}

TEST(ParseTimestampTest, FractionsHaveAnyLength) {
  const std::string digits = "123456789012345678901234567890";
  for (size_t length = 1; length <= digits.size(); ++length) {
    int64_t expected = 0;
    for (size_t i = 0; i < 6; ++i) expected = expected * 10 + (i < length ? digits[i] - '0' : 0);
    for (const char* zone : {"Z", "", "+00:00", "-00:00"}) {
      const auto micros = ParseTimestamp("1970-01-01T00:00:00." + digits.substr(0, length) + zone);
      ASSERT_THAT(micros, IsOk());
      EXPECT_EQ(*micros, expected);
    }
  }
  // What is cut off is cut towards the past as well as towards the future.
  EXPECT_EQ(*ParseTimestamp("1969-12-31T23:59:59.9999999Z"), -1);
  EXPECT_THAT(ParseTimestamp("2024-03-05T00:00:00." + std::string(100'000, '9') + "Z"), IsOk());
}

// Every byte in every place.
TEST(ParseTimestampTest, OneOtherByteIsADigitOrAnError) {
  const std::string text = "2024-01-11T11:11:11.5+01:00";
  for (size_t i = 0; i < text.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string changed = text;
      changed[i] = static_cast<char>(c);
      const bool is_digit = c >= '0' && c <= '9';
      bool allowed = c == text[i] || (is_digit && text[i] >= '0' && text[i] <= '9');
      if (i == 10) allowed = c == 'T' || c == 't' || c == ' ';
      if (i == 21) allowed = c == '+' || c == '-';
      if (!allowed) {
        // More digits of the fraction would leave no zone; a zone there, more text after it.
        EXPECT_THAT(ParseTimestamp(changed),
                    StatusIs(absl::StatusCode::kInvalidArgument, testing::_))
            << testing::PrintToString(changed);
      } else if (!is_digit) {
        EXPECT_THAT(ParseTimestamp(changed), IsOk()) << changed;
      }
    }
    EXPECT_FALSE(ParseTimestamp(text.substr(0, i)).ok() && i != 19 && i != 21) << i;
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

TEST(ParseDurationTest, FieldsAreNotLimited) {
  for (int hour = 0; hour < 100; hour += 3) {
    for (int minute = 0; minute < 100; minute += 7) {
      for (int second = 0; second < 100; second += 9) {
        const std::string clock =
            Padded(hour, 2) + ":" + Padded(minute, 2) + ":" + Padded(second, 2);
        const int64_t expected = (hour * 3600 + minute * 60 + second) * kSecond;
        for (const auto& [days, more] : {std::pair("", 0), {"0D", 0}, {"1d", 1}, {"365D", 365}}) {
          const auto duration = ParseDuration(days + clock);
          ASSERT_THAT(duration, IsOk()) << days << clock;
          ASSERT_EQ(*duration, more * kDay + expected);
          ASSERT_EQ(*ParseDuration(FormatDuration(*duration)), *duration);
        }
      }
    }
  }
}

TEST(ParseDurationTest, OneOtherByteIsADigitOrAnError) {
  const std::string text = "1D02:03:04.5";
  for (size_t i = 0; i < text.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string changed = text;
      changed[i] = static_cast<char>(c);
      const bool was_digit = text[i] >= '0' && text[i] <= '9';
      const bool allowed =
          was_digit ? c >= '0' && c <= '9' : c == text[i] || (text[i] == 'D' && c == 'd');
      // Another first part is still a duration where a digit takes the place of the letter: none
      // is.
      EXPECT_EQ(ParseDuration(changed).ok(), allowed) << testing::PrintToString(changed);
    }
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
