#include "services/filer_gateway/queue.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::filer {
namespace {

std::string_view TypeName(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISLNK(mode)) return "a symbolic link";
  return "a device";
}

ClaimResult Refused(const std::string& name, std::string problem) {
  ClaimResult result;
  result.kind = ClaimResult::Kind::kRefused;
  result.file.name = name;
  result.problem = std::move(problem);
  return result;
}

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
  UniqueFd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return FileError("cannot open the directory", path);
  return directory;
}

absl::Status CheckDirectoryWritable(int directory, const std::string& path) {
  if (faccessat(directory, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
    return FileError("cannot write to the directory", path);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FileError(std::string_view what, std::string_view name) {
  const int error = errno;
  return absl::ErrnoToStatus(
      error, absl::StrCat(std::string(what), " ", absl::Utf8SafeCEscape(std::string(name))));
}

absl::Status MoveFile(int from_directory, const std::string& from, int to_directory,
                      const std::string& to) {
  if (renameat2(from_directory, from.c_str(), to_directory, to.c_str(), RENAME_NOREPLACE) != 0) {
    return FileError("cannot move", from);
  }
  return absl::OkStatus();
}

absl::StatusOr<Queue> Queue::Open(const std::string& path) {
  Queue queue;
  queue.path_ = path;
  const std::pair<const char*, UniqueFd Queue::*> parts[] = {{"incoming", &Queue::incoming_},
                                                             {"pending", &Queue::pending_},
                                                             {"tmp", &Queue::tmp_},
                                                             {"errors", &Queue::errors_}};
  for (const auto& [name, member] : parts) {
    const std::string directory = absl::StrCat(path, "/", name);
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
      return absl::ErrnoToStatus(error.value(),
                                 absl::StrCat("cannot make the directory ", directory));
    }
    ASSIGN_OR_RETURN(queue.*member, OpenDirectory(directory));
  }
  struct stat first;
  struct stat other;
  if (fstat(queue.incoming(), &first) != 0) return FileError("cannot look at", path);
  for (const auto& [name, member] : parts) {
    if (fstat((queue.*member).get(), &other) != 0) return FileError("cannot look at", path);
    if (other.st_dev != first.st_dev) {
      return absl::FailedPreconditionError(absl::StrCat(
          path, ": incoming and ", name, " lie on different file systems, expected one"));
    }
  }
  RETURN_IF_ERROR(queue.CheckWritable());
  return queue;
}

absl::StatusOr<ClaimResult> Queue::Claim(const std::string& name) const {
  const absl::Status moved = MoveFile(incoming(), name, pending(), name);
  ClaimResult result;
  if (absl::IsNotFound(moved)) return result;
  if (absl::IsAlreadyExists(moved)) {
    result.kind = ClaimResult::Kind::kBusy;
    return result;
  }
  RETURN_IF_ERROR(moved);
  return Adopt(name);
}

absl::StatusOr<ClaimResult> Queue::Adopt(const std::string& name) const {
  ClaimResult result;
  UniqueFd fd(
      openat(pending(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.valid()) {
    switch (errno) {
      case ENOENT:
        return result;
      case ELOOP:
        return Refused(name, "is a symbolic link, expected a regular file");
      case EACCES:
      case EPERM:
      case EIO:
      case ENXIO:
      case ENODEV:
        return Refused(name, std::string(FileError("cannot open", name).message()));
      default:
        return FileError("cannot open", name);
    }
  }
  struct stat held;
  struct stat named;
  if (fstat(fd.get(), &held) != 0) return FileError("cannot look at", name);
  if (!S_ISREG(held.st_mode)) {
    return Refused(name, absl::StrCat("is ", std::string(TypeName(held.st_mode)),
                                      ", expected a regular file"));
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return result;
    return FileError("cannot lock", name);
  }
  // Another instance may have finished with the file between our opening and our locking.
  if (fstatat(pending(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return result;
    return FileError("cannot look at", name);
  }
  if (named.st_ino != held.st_ino || named.st_dev != held.st_dev) return result;
  result.kind = ClaimResult::Kind::kClaimed;
  result.file = {name, std::move(fd), static_cast<uint64_t>(held.st_size)};
  return result;
}

absl::Status Queue::Remove(const std::string& name) const {
  if (unlinkat(pending(), name.c_str(), 0) != 0 && errno != ENOENT) {
    return FileError("cannot remove", name);
  }
  return absl::OkStatus();
}

absl::Status Queue::GiveBack(const std::string& name) const {
  return MoveFile(pending(), name, incoming(), name);
}

bool Queue::HasPending(const std::string& name) const {
  struct stat status;
  return fstatat(pending(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

absl::Status Queue::CheckWritable() const {
  RETURN_IF_ERROR(CheckDirectoryWritable(incoming(), path_ + "/incoming"));
  RETURN_IF_ERROR(CheckDirectoryWritable(pending(), path_ + "/pending"));
  RETURN_IF_ERROR(CheckDirectoryWritable(tmp(), path_ + "/tmp"));
  return CheckDirectoryWritable(errors(), path_ + "/errors");
}

}  // namespace mentat::filer
