// Notices of the file system about one directory, and a way to wait for them that can be woken.
#ifndef SERVICES_FILER_GATEWAY_WATCH_H_
#define SERVICES_FILER_GATEWAY_WATCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/unique_fd.h"

namespace mentat::filer {

// Only Wake is thread-safe.
class Watch {
 public:
  enum class Events { kArrivals, kDepartures };

  // Watches the directory for files that have come into it (complete) or left it.
  static absl::StatusOr<Watch> Open(int directory, Events events, const std::string& name);
  // Watches nothing: Wait then waits for Wake alone.
  static absl::StatusOr<Watch> OpenWithoutNotices();

  // Appends the names noticed since the last call. False if some were lost, and the directory
  // itself has to be looked at.
  bool Read(std::vector<std::string>* names);

  // Until there is something to read, Wake is called, or `timeout` has passed.
  void Wait(absl::Duration timeout);
  // Ends the current wait, or the next one.
  void Wake() const;

  bool has_notices() const { return inotify_.valid(); }

 private:
  Watch() = default;

  UniqueFd inotify_;
  UniqueFd wake_;
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_WATCH_H_
