#include "common/idea/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <limits>

#include "absl/status/status.h"

namespace mentat::idea {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

// Reads a text from its front. Every reader returns false, and takes nothing, where it does not
// fit.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }

  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool TakeAny(std::string_view characters, char* c = nullptr) {
    if (rest_.empty()) return false;
    for (const char wanted : characters) {
      if (rest_.front() != wanted) continue;
      if (c != nullptr) *c = wanted;
      rest_.remove_prefix(1);
      return true;
    }
    return false;
  }
  // A number of exactly `width` digits.
  bool TakeNumber(size_t width, int* number) {
    if (rest_.size() < width) return false;
    int value = 0;
    for (size_t i = 0; i < width; ++i) {
      if (!IsDigit(rest_[i])) return false;
      value = value * 10 + (rest_[i] - '0');
    }
    *number = value;
    rest_.remove_prefix(width);
    return true;
  }
  // `dd:dd:dd`
  bool TakeClock(int* hour, int* minute, int* second) {
    return TakeNumber(2, hour) && Take(':') && TakeNumber(2, minute) && Take(':') &&
           TakeNumber(2, second);
  }
  // Nothing, or a dot and digits, of which the first six count. False for a dot without digits.
  bool TakeFraction(int64_t* micros) {
    *micros = 0;
    if (!Take('.')) return true;
    size_t digits = 0;
    int64_t unit = kMicrosPerSecond / 10;
    for (; digits < rest_.size() && IsDigit(rest_[digits]); ++digits, unit /= 10) {
      *micros += (rest_[digits] - '0') * unit;
    }
    rest_.remove_prefix(digits);
    return digits > 0;
  }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }

  std::string_view rest_;
};

// The number with zeros before it, if it has fewer than `width` digits.
void AppendPadded(uint64_t number, size_t width, std::string* out) {
  std::array<char, 20> digits;
  char* first = digits.end();
  do {
    *--first = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0 || first > digits.end() - width);
  out->append(first, digits.end());
}

// `hh:mm:ss`, with six digits of fraction where it is not zero, of a time less than a day.
void AppendClock(uint64_t micros, std::string* out) {
  const uint64_t seconds = micros / kMicrosPerSecond;
  const uint64_t fraction = micros % kMicrosPerSecond;
  AppendPadded(seconds / 3600, 2, out);
  out->push_back(':');
  AppendPadded(seconds / 60 % 60, 2, out);
  out->push_back(':');
  AppendPadded(seconds % 60, 2, out);
  if (fraction == 0) return;
  out->push_back('.');
  AppendPadded(fraction, 6, out);
}

absl::Status NotATimestamp() {
  return absl::InvalidArgumentError("not of the form yyyy-mm-ddThh:mm:ss[.fraction][zone]");
}

absl::Status NotADuration() {
  return absl::InvalidArgumentError("not of the form [nD]hh:mm:ss[.fraction]");
}

constexpr int64_t kFirstMicros =
    std::chrono::sys_days(std::chrono::year_month_day(std::chrono::year(1), std::chrono::month(1),
                                                      std::chrono::day(1)))
        .time_since_epoch()
        .count() *
    kMicrosPerDay;
constexpr int64_t kEndMicros =
    std::chrono::sys_days(std::chrono::year_month_day(std::chrono::year(10000),
                                                      std::chrono::month(1), std::chrono::day(1)))
        .time_since_epoch()
        .count() *
    kMicrosPerDay;

}  // namespace

bool IsTimestamp(int64_t micros) { return micros >= kFirstMicros && micros < kEndMicros; }

absl::StatusOr<int64_t> ParseTimestamp(std::string_view text, bool* has_zone) {
  Cursor cursor(text);
  int year, month, day, hour, minute, second;
  int64_t fraction;
  if (!(cursor.TakeNumber(4, &year) && cursor.Take('-') && cursor.TakeNumber(2, &month) &&
        cursor.Take('-') && cursor.TakeNumber(2, &day) && cursor.TakeAny("Tt ") &&
        cursor.TakeClock(&hour, &minute, &second) && cursor.TakeFraction(&fraction))) {
    return NotATimestamp();
  }
  int offset_minutes = 0;
  char sign;
  const bool zoned = !cursor.AtEnd();
  if (cursor.TakeAny("+-", &sign)) {
    int offset_hour, offset_minute;
    if (!(cursor.TakeNumber(2, &offset_hour) && cursor.Take(':') &&
          cursor.TakeNumber(2, &offset_minute))) {
      return NotATimestamp();
    }
    if (offset_hour > 23 || offset_minute > 59) {
      return absl::InvalidArgumentError("no such zone: an offset is 23:59 at most");
    }
    offset_minutes = offset_hour * 60 + offset_minute;
    if (sign == '-') offset_minutes = -offset_minutes;
  } else if (zoned && !cursor.TakeAny("Zz")) {
    return NotATimestamp();
  }
  if (!cursor.AtEnd()) return NotATimestamp();

  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1 || !date.ok()) return absl::InvalidArgumentError("no such day");
  if (hour > 23 || minute > 59 || second > 59) {
    return absl::InvalidArgumentError("no such time of day: it is 23:59:59 at most");
  }
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t seconds = hour * 3600 + (minute - offset_minutes) * 60 + second;
  const int64_t micros = days * kMicrosPerDay + seconds * kMicrosPerSecond + fraction;
  if (!IsTimestamp(micros)) {
    return absl::InvalidArgumentError("outside of the years 1 to 9999 in UTC");
  }
  if (has_zone != nullptr) *has_zone = zoned;
  return micros;
}

absl::StatusOr<int64_t> ParseDuration(std::string_view text) {
  int64_t days = 0;
  const size_t mark = static_cast<size_t>(
      std::find_if(text.begin(), text.end(), [](char c) { return c == 'D' || c == 'd'; }) -
      text.begin());
  if (mark < text.size()) {
    const char* const end = text.data() + mark;
    const auto [stop, error] = std::from_chars(text.data(), end, days);
    if (mark == 0 || text.front() == '-' || stop != end) return NotADuration();
    if (error != std::errc()) return absl::InvalidArgumentError("too long");
    text.remove_prefix(mark + 1);
  }
  Cursor cursor(text);
  int hour, minute, second;
  int64_t fraction;
  if (!cursor.TakeClock(&hour, &minute, &second) || !cursor.TakeFraction(&fraction) ||
      !cursor.AtEnd()) {
    return NotADuration();
  }
  const int64_t clock = (hour * 3600 + minute * 60 + second) * kMicrosPerSecond + fraction;
  if (days > (std::numeric_limits<int64_t>::max() - clock) / kMicrosPerDay) {
    return absl::InvalidArgumentError("too long");
  }
  return days * kMicrosPerDay + clock;
}

std::string FormatTimestamp(int64_t micros) {
  // std::chrono::floor would go through the beginning of the day, which the earliest days lack.
  const int64_t of_day = (micros % kMicrosPerDay + kMicrosPerDay) % kMicrosPerDay;
  const std::chrono::days days(micros / kMicrosPerDay - (micros % kMicrosPerDay < 0 ? 1 : 0));
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const int year = static_cast<int>(date.year());
  std::string text = year < 0 ? "-" : "";
  AppendPadded(std::abs(year), 4, &text);
  text.push_back('-');
  AppendPadded(static_cast<unsigned>(date.month()), 2, &text);
  text.push_back('-');
  AppendPadded(static_cast<unsigned>(date.day()), 2, &text);
  text.push_back('T');
  AppendClock(static_cast<uint64_t>(of_day), &text);
  text.push_back('Z');
  return text;
}

std::string FormatDuration(int64_t micros) {
  // The magnitude of the least int64_t does not fit in an int64_t.
  const uint64_t size =
      micros < 0 ? 0 - static_cast<uint64_t>(micros) : static_cast<uint64_t>(micros);
  std::string text = micros < 0 ? "-" : "";
  if (size >= kMicrosPerDay) text.append(std::to_string(size / kMicrosPerDay)).push_back('D');
  AppendClock(size % kMicrosPerDay, &text);
  return text;
}

}  // namespace mentat::idea
