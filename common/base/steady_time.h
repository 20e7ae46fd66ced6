// The monotonic clock in Abseil's terms: for ages and deadlines, which are not to jump when
// somebody sets the wall clock.
#ifndef COMMON_BASE_STEADY_TIME_H_
#define COMMON_BASE_STEADY_TIME_H_

#include <chrono>

#include "absl/time/time.h"

namespace mentat {

// Since any fixed moment.
inline absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace mentat

#endif  // COMMON_BASE_STEADY_TIME_H_
