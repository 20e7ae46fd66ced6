// Schedules and time zones. The input is two lines: a schedule, a time zone.
#include "common/schedule/schedule.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "common/schedule/plan.h"
#include "tests/fuzz/require.h"

using mentat::fuzz::Require;
namespace schedule = mentat::schedule;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  const std::string expression(text.substr(0, end));
  absl::TimeZone zone = absl::UTCTimeZone();
  if (end != std::string_view::npos) {
    // The database is read once a name; names by the thousand would fill the memory.
    const std::string_view name = text.substr(end + 1);
    for (const char* known : {"Europe/Prague", "America/Santiago", "Australia/Lord_Howe"}) {
      if (name == known) zone = schedule::FindTimeZone(name).value_or(zone);
    }
  }
  const auto parsed = schedule::Schedule::Parse(expression, zone);
  if (!parsed.ok()) {
    Require(!parsed.status().message().empty(), "a refusal has a reason", expression);
    return 0;
  }
  absl::Time time = absl::FromUnixSeconds(1'774'742'400);  // 2026-03-29T00:00:00Z
  const absl::Time first = parsed->NextAfter(time);
  for (int i = 0; i < 20; ++i) {
    const absl::Time next = parsed->NextAfter(time);
    Require(next > time, "the next time is later", expression);
    if (next == absl::InfiniteFuture()) return 0;
    time = next;
  }
  const auto times = parsed->NewestTimes(first, time, 20);
  Require(times.size() == 20 && times.front() == first && times.back() == time,
          "the newest times are those that came", expression);
  const schedule::Plan plan = schedule::PlanRun(*parsed, schedule::Missed::kAll, first, time);
  Require(plan.due == first && plan.missed == 0 && plan.next > first,
          "the plan begins with the first", expression);
  return 0;
}
