// Waiting between two tries.
#ifndef SERVICES_FILER_GATEWAY_PAUSE_H_
#define SERVICES_FILER_GATEWAY_PAUSE_H_

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "absl/time/time.h"

namespace mentat::filer {

// Waits for `duration`, or until `stop` is requested.
inline void Pause(absl::Duration duration, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, absl::ToChronoMilliseconds(duration), [] { return false; });
}

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_PAUSE_H_
