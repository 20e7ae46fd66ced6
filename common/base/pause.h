// Waiting for nothing but time.
#ifndef COMMON_BASE_PAUSE_H_
#define COMMON_BASE_PAUSE_H_

#include <stop_token>

#include "absl/time/time.h"

namespace mentat {

// Waits for `time`, which may be infinite, or until `stop` is requested; whether the whole time
// passed.
bool Pause(absl::Duration time, const std::stop_token& stop);

}  // namespace mentat

#endif  // COMMON_BASE_PAUSE_H_
