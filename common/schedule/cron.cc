#include "common/schedule/cron.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"

namespace mentat::schedule {
namespace {

constexpr size_t kMaxBytes = 1000;
constexpr int kYearsToLook = 40;  // 29 February on a given weekday, across a century without one

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};

struct Field {
  std::string_view name;
  int min;
  int max;
  std::span<const std::string_view> names;  // of the values from min on
  std::string_view allowed;
};

constexpr std::array<Field, 5> kFields = {{
    {"minute", 0, 59, {}, "0 to 59"},
    {"hour", 0, 23, {}, "0 to 23"},
    {"day of month", 1, 31, {}, "1 to 31"},
    {"month", 1, 12, kMonths, "1 to 12, or jan to dec"},
    {"day of week", 0, 7, kWeekdays, "0 to 7, where 0 and 7 are Sunday, or sun to sat"},
}};

struct Macro {
  std::string_view name;
  std::string_view fields;
};
constexpr Macro kMacros[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

std::string Quote(std::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(std::string(text)), "\"");
}

absl::Status Wrong(const Field& field, std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(field.name), " ", Quote(text), ": ",
                                                 std::string(what), "; allowed are ",
                                                 std::string(field.allowed)));
}

absl::StatusOr<int> ParseValue(const Field& field, std::string_view item, std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(std::string(text));
  for (size_t i = 0; i < field.names.size(); ++i) {
    if (lower == field.names[i]) return field.min + static_cast<int>(i);
  }
  uint32_t value = 0;
  // SimpleAtoi takes signs and blanks.
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(std::string(text), &value)) {
    return Wrong(field, item, text.empty() ? "a value is missing" : Quote(text) + " is no value");
  }
  if (value < static_cast<uint32_t>(field.min) || value > static_cast<uint32_t>(field.max)) {
    return Wrong(field, item, absl::StrCat(value, " is out of bounds"));
  }
  return static_cast<int>(value);
}

// An item of the list of a field: a bit for each value.
absl::StatusOr<uint64_t> ParseItem(const Field& field, std::string_view item) {
  std::string_view range = item;
  int step = 1;
  if (const size_t slash = item.find('/'); slash != std::string_view::npos) {
    range = item.substr(0, slash);
    const std::string_view text = item.substr(slash + 1);
    uint32_t value = 0;
    const int most = field.max - field.min + 1;
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos ||
        !absl::SimpleAtoi(std::string(text), &value) || value < 1 ||
        value > static_cast<uint32_t>(most)) {
      return Wrong(field, item, absl::StrCat("a step is a number from 1 to ", most));
    }
    step = static_cast<int>(value);
    if (range != "*" && range.find('-') == std::string_view::npos) {
      return Wrong(field, item,
                   absl::StrCat("a step needs * or a range before it, as in */", step, " or ",
                                field.min, "-", field.max, "/", step));
    }
  }
  int first = field.min;
  int last = field.max;
  if (range != "*") {
    const size_t dash = range.find('-');
    ASSIGN_OR_RETURN(first, ParseValue(field, item, range.substr(0, dash)));
    last = first;
    if (dash != std::string_view::npos) {
      ASSIGN_OR_RETURN(last, ParseValue(field, item, range.substr(dash + 1)));
      if (last == 0 && first > 0 && field.max == 7) last = 7;  // fri-sun
    }
    if (first > last) {
      return Wrong(field, item, "the range ends before it begins: write it as two, with a comma");
    }
  }
  uint64_t bits = 0;
  for (int value = first; value <= last; value += step) bits |= uint64_t{1} << value;
  return bits;
}

absl::StatusOr<uint64_t> ParseField(const Field& field, std::string_view text) {
  uint64_t bits = 0;
  for (const auto item : absl::StrSplit(std::string(text), ',')) {
    ASSIGN_OR_RETURN(const uint64_t more, ParseItem(field, std::string(item)));
    bits |= more;
  }
  return bits;
}

}  // namespace

absl::StatusOr<Cron> Cron::Parse(std::string_view text) {
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a cron expression of ", text.size(), " bytes; allowed are ", kMaxBytes));
  }
  std::string fields_text(absl::StripAsciiWhitespace(std::string(text)));
  if (absl::StartsWith(fields_text, "@")) {
    const std::string lower = absl::AsciiStrToLower(fields_text);
    std::string known;
    for (const Macro& macro : kMacros) {
      if (lower == macro.name) fields_text = std::string(macro.fields);
      absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(macro.name));
    }
    if (absl::StartsWith(fields_text, "@")) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quote(fields_text), " is not known; allowed are ", known));
    }
  }
  const std::vector<std::string> texts =
      absl::StrSplit(fields_text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (texts.size() != kFields.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quote(text), " has ", texts.size(), texts.size() == 1 ? " field" : " fields",
                     "; expected five: minute, hour, day of month, month, day of week"));
  }
  std::array<uint64_t, kFields.size()> bits = {};
  for (size_t i = 0; i < kFields.size(); ++i) {
    ASSIGN_OR_RETURN(bits[i], ParseField(kFields[i], texts[i]));
  }
  Cron cron;
  cron.minutes_ = bits[0];
  cron.hours_ = bits[1];
  cron.days_ = bits[2];
  cron.months_ = bits[3];
  cron.weekdays_ = (bits[4] | bits[4] >> 7) & 0x7f;
  cron.both_days_ = texts[2][0] == '*' || texts[4][0] == '*';
  if (!cron.FirstDayFrom(absl::CivilDay(2000, 1, 1))) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quote(text),
                     ": no day of the calendar has this day of month, month and day of "
                     "week"));
  }
  return cron;
}

bool Cron::MatchesDay(absl::CivilDay day) const {
  if (!months_[day.month()]) return false;
  // Abseil's week begins with Monday.
  const bool weekday = weekdays_[(static_cast<size_t>(absl::GetWeekday(day)) + 1) % 7];
  const bool of_month = days_[day.day()];
  return both_days_ ? weekday && of_month : weekday || of_month;
}

bool Cron::Matches(absl::CivilMinute minute) const {
  return minutes_[minute.minute()] && hours_[minute.hour()] && MatchesDay(absl::CivilDay(minute));
}

std::optional<absl::CivilDay> Cron::FirstDayFrom(absl::CivilDay day) const {
  const absl::civil_year_t last_year = day.year() + kYearsToLook;
  while (day.year() <= last_year) {
    if (!months_[day.month()]) {
      day = absl::CivilDay(absl::CivilMonth(day) + 1);
    } else if (MatchesDay(day)) {
      return day;
    } else {
      ++day;
    }
  }
  return std::nullopt;
}

std::optional<absl::CivilMinute> Cron::FirstFrom(absl::CivilMinute minute) const {
  absl::CivilDay day(minute);
  if (MatchesDay(day)) {
    for (int hour = minute.hour(); hour < 24; ++hour) {
      if (!hours_[hour]) continue;
      for (int at = hour == minute.hour() ? minute.minute() : 0; at < 60; ++at) {
        if (minutes_[at]) return absl::CivilMinute(day) + (hour * 60 + at);
      }
    }
  }
  const std::optional<absl::CivilDay> next = FirstDayFrom(day + 1);
  if (!next) return std::nullopt;
  // A matching day has at least one hour and minute.
  return FirstFrom(absl::CivilMinute(*next));
}

}  // namespace mentat::schedule
