// What is to run next: the scheduler's state (common/service/scheduler.h), without its thread and
// its clocks, which the caller reads.
//
// Used by one thread at a time.
#ifndef COMMON_SCHEDULE_AGENDA_H_
#define COMMON_SCHEDULE_AGENDA_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/schedule/schedule.h"

namespace mentat::schedule {

// A moment as both clocks tell it.
struct Moment {
  absl::Duration steady;  // since any fixed moment; never goes back
  absl::Time wall;
};

class Agenda {
 public:
  using Id = uint64_t;

  // As soon as may be, after what is due and what was added so before.
  Id AddNow();
  // Before everything else.
  Id AddNext();
  // Elapsed time, whatever becomes of the wall clock.
  Id AddAfter(absl::Duration delay, Moment now);
  // By the wall clock.
  Id AddAt(absl::Time time);
  // Again and again: an interval by the steady clock, a cron expression by the wall clock. Times
  // that have passed by the time it could run are one run.
  Id AddEvery(const Schedule& schedule, Moment now);
  // Whether it was there.
  bool Remove(Id id);

  // What is to run at this moment, if anything; what repeats then has its next time, all else is
  // gone.
  std::optional<Id> Take(Moment now);
  // Whether an id has something to run yet.
  bool Contains(Id id) const;
  // Time until something is due: zero if something is, infinite if nothing ever will be.
  absl::Duration Wait(Moment now);
  size_t size() const { return entries_.size(); }

 private:
  enum class Kind { kNext, kNow, kSteady, kWall };
  struct Entry {
    Id id = 0;
    Kind kind = Kind::kNow;
    absl::Duration steady_due;
    absl::Time wall_due;
    absl::Time set_at;  // wall clock when wall_due was computed
    std::optional<Schedule> schedule;
  };

  Id Add(Entry entry);
  static absl::Duration Remaining(const Entry& entry, Moment now);
  static bool Before(const Entry& a, const Entry& b, Moment now);
  // Where the wall clock was put right by hours, the times that it had told mean nothing.
  void FollowWallClock(Moment now);

  std::vector<Entry> entries_;  // in the order of their ids
  Id last_id_ = 0;
};

}  // namespace mentat::schedule

#endif  // COMMON_SCHEDULE_AGENDA_H_
