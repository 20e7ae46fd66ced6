#include "common/schedule/agenda.h"

#include <algorithm>
#include <utility>

namespace mentat::schedule {
namespace {

// As cron has it: less is a correction of the clock, within which nothing is to run twice.
constexpr absl::Duration kLargeStep = absl::Hours(3);

}  // namespace

Agenda::Id Agenda::Add(Entry entry) {
  entry.id = ++last_id_;
  entries_.push_back(std::move(entry));
  return last_id_;
}

Agenda::Id Agenda::AddNow() { return Add({.kind = Kind::kNow}); }
Agenda::Id Agenda::AddNext() { return Add({.kind = Kind::kNext}); }

Agenda::Id Agenda::AddAfter(absl::Duration delay, Moment now) {
  return Add({.kind = Kind::kSteady, .steady_due = now.steady + delay});
}

Agenda::Id Agenda::AddAt(absl::Time time) {
  return Add({.kind = Kind::kWall, .wall_due = time, .set_at = absl::InfinitePast()});
}

Agenda::Id Agenda::AddEvery(const Schedule& schedule, Moment now) {
  Entry entry;
  entry.schedule = schedule;
  if (const auto interval = schedule.interval()) {
    entry.kind = Kind::kSteady;
    entry.steady_due = now.steady + *interval;
  } else {
    entry.kind = Kind::kWall;
    entry.wall_due = schedule.NextAfter(now.wall);
    entry.set_at = now.wall;
  }
  return Add(std::move(entry));
}

bool Agenda::Remove(Id id) {
  return std::erase_if(entries_, [id](const Entry& entry) { return entry.id == id; }) > 0;
}

bool Agenda::Contains(Id id) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [id](const Entry& entry) { return entry.id == id; });
}

absl::Duration Agenda::Remaining(const Entry& entry, Moment now) {
  switch (entry.kind) {
    case Kind::kNext:
    case Kind::kNow:
      return absl::ZeroDuration();
    case Kind::kSteady:
      return entry.steady_due - now.steady;
    case Kind::kWall:
      return entry.wall_due - now.wall;
  }
  return absl::InfiniteDuration();
}

bool Agenda::Before(const Entry& a, const Entry& b, Moment now) {
  if ((a.kind == Kind::kNext) != (b.kind == Kind::kNext)) return a.kind == Kind::kNext;
  if (a.kind == Kind::kNext) return a.id > b.id;  // the newest goes first
  // What is due goes before what has no time.
  if ((a.kind == Kind::kNow) != (b.kind == Kind::kNow)) return b.kind == Kind::kNow;
  return Remaining(a, now) < Remaining(b, now);
}

void Agenda::FollowWallClock(Moment now) {
  for (Entry& entry : entries_) {
    if (entry.kind != Kind::kWall || !entry.schedule || now.wall >= entry.set_at - kLargeStep) {
      continue;
    }
    entry.wall_due = entry.schedule->NextAfter(now.wall);
    entry.set_at = now.wall;
  }
}

std::optional<Agenda::Id> Agenda::Take(Moment now) {
  FollowWallClock(now);
  auto first = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (Remaining(*entry, now) > absl::ZeroDuration()) continue;
    if (first == entries_.end() || Before(*entry, *first, now)) first = entry;
  }
  if (first == entries_.end()) return std::nullopt;
  const Id id = first->id;
  if (!first->schedule) {
    entries_.erase(first);
  } else if (const auto interval = first->schedule->interval()) {
    absl::Duration rest;
    const int64_t passed = absl::IDivDuration(now.steady - first->steady_due, *interval, &rest);
    first->steady_due += (passed + 1) * *interval;
  } else {
    first->wall_due = first->schedule->NextAfter(now.wall);
    first->set_at = now.wall;
  }
  return id;
}

absl::Duration Agenda::Wait(Moment now) {
  FollowWallClock(now);
  absl::Duration wait = absl::InfiniteDuration();
  for (const Entry& entry : entries_) wait = std::min(wait, Remaining(entry, now));
  return std::max(wait, absl::ZeroDuration());
}

}  // namespace mentat::schedule
