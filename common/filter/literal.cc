#include "common/filter/literal.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/filter/number.h"

namespace mentat::filter {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
constexpr int64_t kFirstDatetime = -62'135'596'800 * kMicrosPerSecond;
constexpr int64_t kEndOfDatetimes = 253'402'300'800 * kMicrosPerSecond;

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

absl::Status Bad(std::string_view text, std::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("`", ToAbsl(text.substr(0, 80)), "` is ", ToAbsl(expected)));
}

int Number(std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// `hh:mm:ss` in seconds.
int ClockSeconds(std::string_view clock) {
  return Number(clock.substr(0, 2)) * 3600 + Number(clock.substr(3, 2)) * 60 +
         Number(clock.substr(6, 2));
}

// Whether the whole text is one word of this kind.
bool IsWord(std::string_view text, TokenKind kind) {
  const TokenList words = Tokenize(text);
  return words.dropped.empty() && words.tokens.size() == 2 && words.tokens[0].kind == kind &&
         words.tokens[0].In(text) == text;
}

absl::StatusOr<Value> CheckedDatetime(std::string_view text, int64_t micros) {
  if (micros < kFirstDatetime || micros >= kEndOfDatetimes) {
    return Bad(text, "a datetime outside of the years 1 to 9999");
  }
  return Value::Datetime(micros);
}

// `seconds` since 1970, rounded to microseconds, as the clock on the wall of the zone shows them.
absl::StatusOr<Value> DatetimeOf(std::string_view text, double seconds,
                                 const absl::TimeZone& zone) {
  constexpr double kLimit = 1e12;
  if (!(std::fabs(seconds) < kLimit)) {
    return Bad(text, "not a number of seconds that makes a datetime");
  }
  const double whole = std::floor(seconds);
  const int64_t micros = std::llrint((seconds - whole) * kMicrosPerSecond);
  const int offset = zone.At(absl::FromUnixSeconds(static_cast<int64_t>(whole))).offset;
  return CheckedDatetime(text, (static_cast<int64_t>(whole) + offset) * kMicrosPerSecond + micros);
}

std::optional<absl::uint128> ParseUint128(std::string_view digits) {
  absl::uint128 value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    const absl::uint128 next = value * 10 + static_cast<unsigned>(c - '0');
    if (value > absl::Uint128Max() / 10 || next < value) return std::nullopt;
    value = next;
  }
  return value;
}

template <typename Net>
absl::StatusOr<Value> ReadNet(absl::StatusOr<Net> net, std::string_view text,
                              std::string_view expected) {
  if (!net.ok()) {
    return Bad(text, absl::StrCat(ToAbsl(expected), ": ", net.status().message()));
  }
  return Value::Of(Address{.range = idea::Bounds(*net), .text = idea::Print(*net)});
}

absl::StatusOr<Value> ReadAddress(idea::Family family, std::string_view text) {
  if (family == idea::Family::kIp4) {
    return ReadNet(idea::ParseNet4(text), text, "not an IPv4 address, network or range");
  }
  return ReadNet(idea::ParseNet6(text), text, "not an IPv6 address, network or range");
}

}  // namespace

absl::StatusOr<Value> ParseDatetime(std::string_view text) {
  using std::chrono::day, std::chrono::month, std::chrono::year;
  const std::chrono::year_month_day date{year(Number(text.substr(0, 4))),
                                         month(Number(text.substr(5, 2))),
                                         day(Number(text.substr(8, 2)))};
  const std::string_view clock = text.substr(11, 8);
  if (!date.ok() || date.year() < year(1) || Number(clock.substr(0, 2)) > 23 ||
      Number(clock.substr(3, 2)) > 59 || Number(clock.substr(6, 2)) > 59) {
    return Bad(text, "not a datetime of the calendar and the clock");
  }
  std::string_view rest = text.substr(19);
  int64_t micros = 0;
  if (rest.front() == '.') {
    rest.remove_prefix(1);
    int64_t unit = kMicrosPerSecond / 10;
    while (rest.front() >= '0' && rest.front() <= '9') {
      micros += (rest.front() - '0') * unit;
      unit /= 10;
      rest.remove_prefix(1);
    }
  }
  int zone = 0;
  if (rest.size() > 1) {
    const int hours = Number(rest.substr(1, 2));
    zone = (rest.front() == '-' ? -hours : hours) * 3600 + Number(rest.substr(4, 2)) * 60;
  }
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return CheckedDatetime(
      text, days * kMicrosPerDay + (ClockSeconds(clock) - zone) * kMicrosPerSecond + micros);
}

absl::StatusOr<Value> ParseTimedelta(std::string_view text) {
  constexpr int64_t kMaxDays = 100'000'000;  // 64 bits of microseconds hold a little more
  int64_t days = 0;
  const std::string_view clock = text.substr(text.size() - 8);
  if (text.size() > clock.size()) {
    const std::string_view digits = text.substr(0, text.size() - clock.size() - 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), days);
    if (error != std::errc() || days > kMaxDays) return Bad(text, "too long a duration");
  }
  return Value::Timedelta(days * kMicrosPerDay + ClockSeconds(clock) * kMicrosPerSecond);
}

absl::StatusOr<Value> TypedLiteral(TokenKind kind, std::string_view text, const Value& raw) {
  switch (kind) {
    case TokenKind::kDatetime:
      return ParseDatetime(text);
    case TokenKind::kTimedelta:
      return ParseTimedelta(text);
    case TokenKind::kIp4:
      if (text.find("..") != std::string_view::npos) {
        return Bad(text, "not an IPv4 range: a range is written with `-`");
      }
      return ReadAddress(idea::Family::kIp4, text);
    case TokenKind::kIp6:
      return Bad(text,
                 "an IPv6 address outside of a list, which the language cannot read: put it into "
                 "brackets (`in [2001:db8::/32]`) or quotes");
    default:
      return raw;
  }
}

absl::StatusOr<Value> TimeOperand(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kDatetime:
    case Value::Kind::kTimedelta:
      return value;
    case Value::Kind::kInteger:
    case Value::Kind::kFloat: {
      const double seconds = value.kind() == Value::Kind::kFloat
                                 ? std::trunc(value.floating())
                                 : static_cast<double>(value.integer());
      constexpr double kMaxSeconds = 8.64e12;
      if (!(std::fabs(seconds) <= kMaxSeconds)) {
        return Bad(ToJson(value), "too many seconds for a duration");
      }
      return Value::Timedelta(static_cast<int64_t>(seconds) * kMicrosPerSecond);
    }
    case Value::Kind::kText: {
      const std::string& text = value.text();
      if (const std::optional<double> seconds = ParseFloat(text)) {
        // Upstream compares the clock on the wall with the times of events, which are UTC.
        return DatetimeOf(text, *seconds, absl::LocalTimeZone());
      }
      if (IsWord(text, TokenKind::kDatetime)) return ParseDatetime(text);
      if (IsWord(text, TokenKind::kTimedelta)) return ParseTimedelta(text);
      return Bad(text, "neither a datetime with `T` and a zone, nor `[nD]hh:mm:ss`, nor a number");
    }
    default:
      return Bad(ToJson(value), "no time, and stands opposite a key that holds a time");
  }
}

absl::StatusOr<Value> UnixTimeOperand(const Value& number) {
  const std::string text = ToJson(number);
  return DatetimeOf(text, ParseFloat(text).value_or(HUGE_VAL), absl::UTCTimeZone());
}

absl::StatusOr<Value> AddressOperand(idea::Family family, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kAddress:
      if (value.address().range.family == family) return value;
      return Bad(value.address().text, "an address of the other family");
    case Value::Kind::kInteger:
    case Value::Kind::kBigInteger: {
      const std::string digits = ToJson(value);
      const absl::uint128 limit =
          family == idea::Family::kIp4 ? absl::uint128(0xffffffff) : absl::Uint128Max();
      const std::optional<absl::uint128> address = ParseUint128(digits);
      if (!address || *address > limit) return Bad(digits, "not the number of an address");
      return Value::Of(Address{.range = {.family = family, .first = *address, .last = *address},
                               .text = idea::PrintAddress(family, *address)});
    }
    case Value::Kind::kText:
      return ReadAddress(family, value.text());
    default:
      return Bad(ToJson(value), "no address, and stands opposite a key that holds addresses");
  }
}

}  // namespace mentat::filter
