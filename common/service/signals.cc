#include "common/service/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/time/clock.h"

namespace mentat::service {

absl::StatusOr<std::unique_ptr<Signals>> Signals::Create() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) ::sigaddset(&set, number);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return absl::ErrnoToStatus(error, "cannot block signals");
  }
  const int signal_fd = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd < 0) return absl::ErrnoToStatus(errno, "cannot wait for signals");
  const int wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    const int error = errno;
    ::close(signal_fd);
    return absl::ErrnoToStatus(error, "cannot wait for signals");
  }
  return std::unique_ptr<Signals>(new Signals(signal_fd, wake_fd));
}

Signals::~Signals() {
  ::close(signal_fd_);
  ::close(wake_fd_);
}

std::optional<int> Signals::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    pollfd fds[] = {{signal_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    const double rest_ms = absl::ToDoubleMilliseconds(deadline - absl::Now());
    const int poll_ms = rest_ms > 3600'000 ? -1 : static_cast<int>(std::max(0.0, rest_ms + 1));
    const int count = ::poll(fds, 2, timeout == absl::InfiniteDuration() ? -1 : poll_ms);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    signalfd_siginfo info = {};
    if (::read(signal_fd_, &info, sizeof info) == sizeof info) {
      return static_cast<int>(info.ssi_signo);
    }
    uint64_t wakes = 0;
    if (::read(wake_fd_, &wakes, sizeof wakes) == sizeof wakes) return std::nullopt;
  }
}

void Signals::Wake() {
  const uint64_t one = 1;
  // A full counter wakes as well.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

}  // namespace mentat::service
