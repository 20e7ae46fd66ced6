#include "common/store/backoff.h"

#include <algorithm>

#include "common/base/pause.h"

namespace mentat::store {

Backoff::Backoff(absl::Duration first, absl::Duration most)
    : first_(first), most_(most), next_(first), random_(std::random_device()()) {}

absl::Duration Backoff::Next() {
  const absl::Duration pause = next_ * std::uniform_real_distribution<double>(0.5, 1.0)(random_);
  next_ = std::min(next_ * 2, most_);
  return pause;
}

bool Backoff::Wait(std::stop_token stop) { return Pause(Next(), stop); }

}  // namespace mentat::store
