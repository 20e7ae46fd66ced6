#include "common/base/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mentat {

namespace {

// Whoever had the lock may have removed the file after it was opened here: a lock on that keeps
// nobody out.
bool IsAt(const UniqueFd& file, const std::string& path) {
  struct stat locked {};
  struct stat there {};
  return ::fstat(file.get(), &locked) == 0 && ::stat(path.c_str(), &there) == 0 &&
         locked.st_dev == there.st_dev && locked.st_ino == there.st_ino;
}

}  // namespace

absl::StatusOr<UniqueFd> LockFile(const std::string& path) {
  while (true) {
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file.valid()) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be opened"));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) {
        return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be locked"));
      }
      return absl::FailedPreconditionError(absl::StrCat(path, ": another process uses it"));
    }
    if (IsAt(file, path)) return file;
  }
}

}  // namespace mentat
