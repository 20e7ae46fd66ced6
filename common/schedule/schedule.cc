#include "common/schedule/schedule.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::schedule {
namespace {

constexpr absl::Duration kShortest = absl::Milliseconds(1);
constexpr absl::Duration kLongest = absl::Hours(24 * 366);
constexpr std::string_view kEvery = "every ";

bool IsZoneName(std::string_view name) {
  return !name.empty() && name.size() <= 100 && name[0] != '/' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '_' ||
                  c == '-' || c == '+';
         });
}

}  // namespace

absl::StatusOr<absl::TimeZone> FindTimeZone(std::string_view name) {
  absl::TimeZone zone;
  if (!IsZoneName(name) || !absl::LoadTimeZone(std::string(name), &zone)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the system's time zones (package tzdata) have no \"",
                     absl::Utf8SafeCEscape(std::string(name.substr(0, 100))),
                     "\"; expected a name such as Europe/Prague or UTC"));
  }
  return zone;
}

absl::StatusOr<Schedule> Schedule::Parse(std::string_view text, absl::TimeZone zone) {
  Schedule schedule;
  const std::string trimmed(absl::StripAsciiWhitespace(std::string(text)));
  if (absl::StartsWithIgnoreCase(trimmed, std::string(kEvery))) {
    const std::string length(absl::StripAsciiWhitespace(trimmed.substr(kEvery.size())));
    if (!absl::ParseDuration(length, &schedule.interval_) || schedule.interval_ < kShortest ||
        schedule.interval_ > kLongest) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", absl::Utf8SafeCEscape(trimmed.substr(0, 100)),
                       "\": expected every, then a time from 1ms to 8784h such as 90s or 1h30m"));
    }
    return schedule;
  }
  ASSIGN_OR_RETURN(schedule.cron_, Cron::Parse(trimmed));
  schedule.zone_ = zone;
  return schedule;
}

Schedule Schedule::Every(absl::Duration interval) {
  Schedule schedule;
  schedule.interval_ = std::clamp(interval, kShortest, kLongest);
  return schedule;
}

std::optional<absl::Duration> Schedule::interval() const {
  if (cron_) return std::nullopt;
  return interval_;
}

absl::Time Schedule::NextAfter(absl::Time after) const {
  if (!cron_) return after + interval_;
  return cron_->EveryHour() ? NextByHours(after) : NextByDays(after);
}

absl::Time Schedule::NextByHours(absl::Time after) const {
  const absl::CivilSecond civil = absl::ToCivilSecond(after, zone_);
  const absl::Time second = absl::FromUnixSeconds(absl::ToUnixSeconds(after));
  absl::Time time = second + absl::Seconds(60 - civil.second());
  while (true) {
    const absl::CivilMinute minute = absl::ToCivilMinute(time, zone_);
    if (!cron_->MatchesDay(absl::CivilDay(minute))) {
      const std::optional<absl::CivilDay> day = cron_->FirstDayFrom(absl::CivilDay(minute) + 1);
      if (!day) return absl::InfiniteFuture();
      time = std::max(time + absl::Minutes(1), absl::FromCivil(*day, zone_));
    } else if (cron_->MatchesMinuteOfHour(minute.minute())) {
      return time;
    } else {
      time += absl::Minutes(1);
    }
  }
}

absl::Time Schedule::NextByDays(absl::Time after) const {
  std::optional<absl::CivilMinute> minute = cron_->FirstFrom(absl::ToCivilMinute(after, zone_));
  while (minute) {
    // Of a time that is skipped this is the moment of the change, of one that there is twice the
    // first.
    const absl::Time time = absl::FromCivil(*minute, zone_);
    if (time > after) return time;
    minute = cron_->FirstFrom(*minute + 1);
  }
  return absl::InfiniteFuture();
}

std::vector<absl::Time> Schedule::NewestTimes(absl::Time first, absl::Time last,
                                              size_t most) const {
  std::vector<absl::Time> times;
  if (first > last || most == 0) return times;
  if (!cron_) {
    absl::Duration rest;
    const int64_t steps = absl::IDivDuration(last - first, interval_, &rest);
    const int64_t skipped = std::max<int64_t>(0, steps + 1 - static_cast<int64_t>(most));
    for (int64_t step = skipped; step <= steps; ++step) times.push_back(first + step * interval_);
    return times;
  }
  // Looks back twice as far until there is enough, so that years are not gone through minute by
  // minute.
  for (absl::Duration back = absl::Hours(1);; back *= 2) {
    const absl::Time from = std::max(first, last - back);
    times.clear();
    for (absl::Time time = NextAfter(from - absl::Nanoseconds(1)); time <= last;
         time = NextAfter(time)) {
      times.push_back(time);
    }
    if (times.size() >= most || from == first) break;
  }
  if (times.size() > most) times.erase(times.begin(), times.end() - static_cast<ptrdiff_t>(most));
  return times;
}

}  // namespace mentat::schedule
