// When something is to happen again and again: a cron expression in a time zone, or an interval.
//
// Daylight saving time. A cron expression for certain hours means each day's civil times, each of
// them once: a time that is skipped when clocks go forward is replaced by the moment at which they
// do, and of a time that there is twice when they go back the first is meant. An expression for
// every hour (`*/5 * * * *`) goes by the hours that pass: nothing extra, nothing left out.
//
// Plain values, thread-safe; no clock of its own.
#ifndef COMMON_SCHEDULE_SCHEDULE_H_
#define COMMON_SCHEDULE_SCHEDULE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/schedule/cron.h"

namespace mentat::schedule {

// A zone of the system's tz database by its name: `Europe/Prague`, `UTC`.
absl::StatusOr<absl::TimeZone> FindTimeZone(std::string_view name);

class Schedule {
 public:
  // `every 90s`, `every 1h30m` (units h, m, s, ms; a millisecond to 366 days), or a cron
  // expression. The zone is nothing to an interval.
  static absl::StatusOr<Schedule> Parse(std::string_view text, absl::TimeZone zone);
  static Schedule Every(absl::Duration interval);

  // The first time after `after`; that of an interval is the interval later. InfiniteFuture if
  // there is none any more.
  absl::Time NextAfter(absl::Time after) const;
  // The newest `most` times from `first` to `last`, both included, in their order. `first` is
  // itself a time of the schedule, which is where an interval counts from.
  std::vector<absl::Time> NewestTimes(absl::Time first, absl::Time last, size_t most) const;

  // Where this is an interval.
  std::optional<absl::Duration> interval() const;

 private:
  Schedule() = default;
  absl::Time NextByHours(absl::Time after) const;
  absl::Time NextByDays(absl::Time after) const;

  std::optional<Cron> cron_;  // nothing for an interval
  absl::TimeZone zone_ = absl::UTCTimeZone();
  absl::Duration interval_;
};

}  // namespace mentat::schedule

#endif  // COMMON_SCHEDULE_SCHEDULE_H_
