#include "common/schedule/plan.h"

#include <algorithm>
#include <vector>

namespace mentat::schedule {

Plan PlanRun(const Schedule& schedule, Missed missed, absl::Time due, absl::Time now) {
  Plan plan;
  if (due > now) {
    plan.next = due;
    return plan;
  }
  const std::vector<absl::Time> times = schedule.NewestTimes(due, now, kMostCounted);
  const auto count = static_cast<int64_t>(times.size());
  if (count == 0) {  // the rules of the zone have changed
    plan.next = schedule.NextAfter(now);
    return plan;
  }
  const int64_t run = std::min(count, missed == Missed::kAll ? kMostCaughtUp : 1);
  const absl::Time first = times[count - run];
  plan.next = schedule.NextAfter(first);
  if (missed == Missed::kSkip && now - first > kOnTime) {
    plan.missed = count;
  } else {
    plan.due = first;
    plan.missed = count - run;
  }
  return plan;
}

}  // namespace mentat::schedule
