#include "common/service/statistics.h"

#include <cmath>
#include <utility>

#include "common/service/process_stats.h"

namespace mentat::service {

Statistics::Statistics(log::Logger log, const pipeline::Stage* stage, absl::Time start,
                       absl::Duration interval)
    : log_(log.Unlimited()),
      stage_(stage),
      start_(start),
      interval_(interval > absl::ZeroDuration() ? interval : absl::InfiniteDuration()),
      next_(start + interval_),
      last_(start) {}

void Statistics::Tick(absl::Time now) {
  {
    const MutexLock lock(mutex_);
    if (now < next_) return;
    next_ = now + interval_;
  }
  Write(now);
}

void Statistics::Write(absl::Time now) {
  const ProcessStats process = ReadProcessStats();
  const pipeline::StageStatus status =
      stage_ == nullptr ? pipeline::StageStatus() : stage_->Status();
  const pipeline::Ledger& ledger = status.ledger;
  absl::Time last_time;
  pipeline::Ledger last;
  {
    const MutexLock lock(mutex_);
    last_time = std::exchange(last_, now);
    last = std::exchange(last_ledger_, ledger);
  }
  const double seconds = absl::ToDoubleSeconds(now - last_time);
  const auto rate = [&](uint64_t count, uint64_t before) {
    const double each = seconds > 0 ? static_cast<double>(count - before) / seconds : 0;
    return std::round(each * 10) / 10;
  };
  const int64_t uptime = absl::ToInt64Seconds(now - start_);
  if (stage_ == nullptr) {
    log_.Info("statistics", {{"uptime_seconds", uptime},
                             {"memory_bytes", process.resident_bytes},
                             {"cpu_seconds", process.cpu_seconds}});
    return;
  }
  log_.Info("statistics", {{"uptime_seconds", uptime},
                           {"memory_bytes", process.resident_bytes},
                           {"cpu_seconds", process.cpu_seconds},
                           {"received", ledger.received},
                           {"forwarded", ledger.forwarded},
                           {"dropped", ledger.dropped},
                           {"rejected", ledger.rejected},
                           {"stored", ledger.stored},
                           {"retried", ledger.retried},
                           {"in_flight", ledger.in_flight},
                           {"over_seconds", std::round(seconds * 10) / 10},
                           {"received_per_second", rate(ledger.received, last.received)},
                           {"forwarded_per_second", rate(ledger.forwarded, last.forwarded)},
                           {"dropped_per_second", rate(ledger.dropped, last.dropped)},
                           {"rejected_per_second", rate(ledger.rejected, last.rejected)},
                           {"stored_per_second", rate(ledger.stored, last.stored)},
                           {"retried_per_second", rate(ledger.retried, last.retried)},
                           {"resent_batches", status.resent_batches},
                           {"late_acks", status.late_acks},
                           {"oldest_event_seconds", status.oldest_seconds}});
}

}  // namespace mentat::service
