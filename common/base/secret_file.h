// Small files that hold secrets or tell whom to trust, and whether they have changed. Thread-safe.
#ifndef COMMON_BASE_SECRET_FILE_H_
#define COMMON_BASE_SECRET_FILE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mentat {

// The whole file, 1 MiB at the most. No error holds any of it.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

// FailedPrecondition if users beside the owner and the group may read the file, or the group may
// write it; NotFound if it cannot be looked at.
absl::Status CheckSecretFile(const std::string& path);
// Both.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

// Differs once a file was written or replaced. Follows links, so that the files of a Kubernetes
// secret, which change by a link, are seen to change.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = -1;  // -1: there is no such file
  int64_t modified_nanos = 0;
  int64_t changed_nanos = 0;

  bool operator==(const FileStamp&) const = default;
};
FileStamp StampOf(const std::string& path);

}  // namespace mentat

#endif  // COMMON_BASE_SECRET_FILE_H_
