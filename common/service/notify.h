// Tells systemd how the service is doing, as sd_notify(3) describes: a datagram to the socket that
// the environment names. Without one, nothing is told and nothing fails.
#ifndef COMMON_SERVICE_NOTIFY_H_
#define COMMON_SERVICE_NOTIFY_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace mentat::service {

// Thread-safe.
class Notifier {
 public:
  // Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child
  // speaks for this process. To be made before any thread is.
  static Notifier FromEnvironment();
  // Tells nobody.
  Notifier() = default;

  void Ready() const;
  void Reloading() const;
  void Stopping() const;
  // One line for people.
  void Status(std::string_view text) const;
  // The process is alive. To be called at least twice in watchdog_interval().
  void Watchdog() const;
  // Infinite if nobody watches.
  absl::Duration watchdog_interval() const { return watchdog_interval_; }

 private:
  void Send(const std::string& state) const;

  std::string socket_;
  absl::Duration watchdog_interval_ = absl::InfiniteDuration();
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_NOTIFY_H_
