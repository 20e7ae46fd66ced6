#include "common/service/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mentat::service {
namespace {

std::string TakeVariable(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

}  // namespace

Notifier Notifier::FromEnvironment() {
  Notifier notifier;
  notifier.socket_ = TakeVariable("NOTIFY_SOCKET");
  const std::string interval = TakeVariable("WATCHDOG_USEC");
  const std::string pid = TakeVariable("WATCHDOG_PID");
  int64_t microseconds = 0;
  if (!notifier.socket_.empty() && absl::SimpleAtoi(interval, &microseconds) && microseconds > 0 &&
      (pid.empty() || pid == absl::StrCat(::getpid()))) {
    notifier.watchdog_interval_ = absl::Microseconds(microseconds);
  }
  return notifier;
}

void Notifier::Ready() const { Send(absl::StrCat("READY=1\nMAINPID=", ::getpid())); }

void Notifier::Reloading() const {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  Send(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=",
                    int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000));
}

void Notifier::Stopping() const { Send("STOPPING=1"); }

void Notifier::Status(std::string_view text) const {
  std::string line(text.substr(0, 1000));
  std::replace(line.begin(), line.end(), '\n', ' ');
  Send(absl::StrCat("STATUS=", line));
}

void Notifier::Watchdog() const { Send("WATCHDOG=1"); }

void Notifier::Send(const std::string& state) const {
  sockaddr_un address = {};
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  // Whoever does not listen has nobody to blame but himself.
  [[maybe_unused]] const ssize_t sent =
      ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size()));
  ::close(fd);
}

}  // namespace mentat::service
