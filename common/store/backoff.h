// Pauses between tries: each twice as long as the one before, up to a bound, with jitter so that
// many clients do not come back at the same instant.
//
// Used by one thread at a time.
#ifndef COMMON_STORE_BACKOFF_H_
#define COMMON_STORE_BACKOFF_H_

#include <random>
#include <stop_token>

#include "absl/time/time.h"

namespace mentat::store {

class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration most);

  // Waits out the next pause; returns false at once when `stop` is requested.
  bool Wait(std::stop_token stop);
  // After a success: the next pause is the first again.
  void Reset() { next_ = first_; }
  // The next pause, from half of its length to all of it; lengthens the one after.
  absl::Duration Next();

 private:
  const absl::Duration first_;
  const absl::Duration most_;
  absl::Duration next_;
  std::minstd_rand random_;
};

}  // namespace mentat::store

#endif  // COMMON_STORE_BACKOFF_H_
