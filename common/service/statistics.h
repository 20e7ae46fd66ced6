// The line `statistics` in the log: what a service has done since its start, and how much a second
// since the last such line.
#ifndef COMMON_SERVICE_STATISTICS_H_
#define COMMON_SERVICE_STATISTICS_H_

#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/pipeline/ledger.h"
#include "common/pipeline/stage.h"
#include "common/service/log.h"

namespace mentat::service {

// Thread-safe.
class Statistics {
 public:
  // `stage` is null for a service without a pipeline, and outlives this. Without an interval
  // (infinite, or 0) lines are written only when Write is called.
  Statistics(log::Logger log, const pipeline::Stage* stage, absl::Time start,
             absl::Duration interval);

  // Writes a line if the interval is over.
  void Tick(absl::Time now);
  // Writes a line.
  void Write(absl::Time now);

 private:
  const log::Logger log_;
  const pipeline::Stage* const stage_;
  const absl::Time start_;
  const absl::Duration interval_;

  Mutex mutex_;
  absl::Time next_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_ ABSL_GUARDED_BY(mutex_);  // when the last line was written
  pipeline::Ledger last_ledger_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_STATISTICS_H_
