// What to do about due times that have passed: run them, or skip them.
//
// Plain values and a stateless function, thread-safe.
#ifndef COMMON_SCHEDULE_PLAN_H_
#define COMMON_SCHEDULE_PLAN_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "common/schedule/schedule.h"

namespace mentat::schedule {

// A time is missed when nothing was there to run it, or when the run before took too long.
enum class Missed {
  kSkip,  // only what is on time is run
  kOnce,  // however many were missed, one run makes up for them
  kAll,   // each is run, the newest kMostCaughtUp at the most
};

// How late a run may begin and still be on time.
inline constexpr absl::Duration kOnTime = absl::Minutes(1);
inline constexpr int64_t kMostCaughtUp = 100;
inline constexpr int64_t kMostCounted = 1000;

struct Plan {
  std::optional<absl::Time> due;  // the time to run for now
  absl::Time next;     // when to look again; may be past, where more is to be caught up with
  int64_t missed = 0;  // times that no run is made for; counted up to kMostCounted
};

// `due` is the first time not dealt with yet.
Plan PlanRun(const Schedule& schedule, Missed missed, absl::Time due, absl::Time now);

}  // namespace mentat::schedule

#endif  // COMMON_SCHEDULE_PLAN_H_
