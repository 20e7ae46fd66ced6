#include "services/filer_gateway/watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/filer_gateway/queue.h"

namespace mentat::filer {

absl::StatusOr<Watch> Watch::OpenWithoutNotices() {
  Watch watch;
  watch.wake_ = UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!watch.wake_.valid()) return FileError("cannot make", "an event descriptor");
  return watch;
}

absl::StatusOr<Watch> Watch::Open(int directory, Events events, const std::string& name) {
  ASSIGN_OR_RETURN(Watch watch, OpenWithoutNotices());
  watch.inotify_ = UniqueFd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watch.inotify_.valid()) return FileError("cannot watch the directory", name);
  const uint32_t mask =
      events == Events::kArrivals ? IN_MOVED_TO | IN_CLOSE_WRITE : IN_MOVED_FROM | IN_DELETE;
  // By its descriptor, so that it is the directory that was opened, whatever its path is by now.
  const std::string path = absl::StrCat("/proc/self/fd/", directory);
  if (inotify_add_watch(watch.inotify_.get(), path.c_str(), mask | IN_ONLYDIR) < 0) {
    return FileError("cannot watch the directory", name);
  }
  return watch;
}

bool Watch::Read(std::vector<std::string>* names) {
  if (!inotify_.valid()) return true;
  bool complete = true;
  alignas(inotify_event) char buffer[65536];
  for (;;) {
    const ssize_t got = read(inotify_.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return complete && (got == 0 || errno == EAGAIN);
    for (const char* at = buffer; at < buffer + got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      if (event->mask & (IN_Q_OVERFLOW | IN_IGNORED)) complete = false;
      if (event->len > 0) names->emplace_back(event->name);
      at += sizeof(inotify_event) + event->len;
    }
  }
}

void Watch::Wait(absl::Duration timeout) {
  pollfd descriptors[] = {{wake_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}};
  const int64_t milliseconds =
      std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout) + 1, 1, 3'600'000);
  poll(descriptors, inotify_.valid() ? 2 : 1, static_cast<int>(milliseconds));
  uint64_t woken;
  while (read(wake_.get(), &woken, sizeof(woken)) < 0 && errno == EINTR) {
  }
}

void Watch::Wake() const {
  const uint64_t one = 1;
  while (write(wake_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

}  // namespace mentat::filer
