#include "common/base/pause.h"

#include <algorithm>

#include "common/base/mutex.h"

namespace mentat {

bool Pause(absl::Duration time, const std::stop_token& stop) {
  // The standard library adds the time to that of a clock, without looking whether it fits.
  constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 50);
  Mutex mutex;
  CondVar never;
  const MutexLock lock(mutex);
  never.WaitFor(mutex, stop, absl::ToChronoNanoseconds(std::min(time, kLongest)),
                [] { return false; });
  return !stop.stop_requested();
}

}  // namespace mentat
