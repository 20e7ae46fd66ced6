// Cron expressions: five fields for minute, hour, day of month, month and day of week, as
// crontab(5) has them, matched against civil time. schedule.h brings them into a time zone.
//
//   minute 0-59, hour 0-23, day of month 1-31, month 1-12 or jan-dec, day of week 0-7 or sun-sat
//   (0 and 7 are Sunday); each `*`, a value, a range `1-5`, a step `*/15` or `8-18/2`, or a list of
//   these.
//   @yearly @annually @monthly @weekly @daily @midnight @hourly
//
// Where neither of the two day fields begins with `*`, a day needs to match only one of them, as in
// crontab(5). Plain values and functions, thread-safe.
#ifndef COMMON_SCHEDULE_CRON_H_
#define COMMON_SCHEDULE_CRON_H_

#include <bitset>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"

namespace mentat::schedule {

class Cron {
 public:
  // InvalidArgument names the field, what stands there, and what is allowed; also where no day ever
  // matches, as 30 February.
  static absl::StatusOr<Cron> Parse(std::string_view text);

  bool Matches(absl::CivilMinute minute) const;
  bool MatchesDay(absl::CivilDay day) const;
  bool MatchesMinuteOfHour(int minute) const { return minutes_[minute]; }
  bool EveryHour() const { return hours_.all(); }

  // The first match that is not before `minute`; nothing if there is none within 40 years, after
  // which the calendar has shown all that it has.
  std::optional<absl::CivilMinute> FirstFrom(absl::CivilMinute minute) const;
  std::optional<absl::CivilDay> FirstDayFrom(absl::CivilDay day) const;

 private:
  Cron() = default;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;    // from 1
  std::bitset<13> months_;  // from 1
  std::bitset<7> weekdays_;
  // Whether a day has to match both day fields.
  bool both_days_ = false;
};

}  // namespace mentat::schedule

#endif  // COMMON_SCHEDULE_CRON_H_
