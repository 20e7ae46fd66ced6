// Signals as values that one thread waits for; no code runs in a handler.
#ifndef COMMON_SERVICE_SIGNALS_H_
#define COMMON_SERVICE_SIGNALS_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mentat::service {

// To be made before any thread is: the signals TERM, INT, HUP, USR1 and USR2 are kept from
// interrupting all threads that are made after it. PIPE is ignored.
class Signals {
 public:
  static absl::StatusOr<std::unique_ptr<Signals>> Create();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Waits for a signal and returns its number; nothing after Wake or when the time is over. One
  // thread.
  std::optional<int> Wait(absl::Duration timeout = absl::InfiniteDuration());
  // Lets Wait return, now or when it is called next. Thread-safe.
  void Wake();

 private:
  Signals(int signal_fd, int wake_fd) : signal_fd_(signal_fd), wake_fd_(wake_fd) {}
  const int signal_fd_;
  const int wake_fd_;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_SIGNALS_H_
