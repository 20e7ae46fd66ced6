// A file that one process at a time holds.
#ifndef COMMON_BASE_LOCK_FILE_H_
#define COMMON_BASE_LOCK_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/base/unique_fd.h"

namespace mentat {

// Makes the file if it is missing and locks it until the descriptor is closed; the kernel lets go
// of it when the process ends, however it ends. FailedPrecondition if somebody else holds it.
absl::StatusOr<UniqueFd> LockFile(const std::string& path);

}  // namespace mentat

#endif  // COMMON_BASE_LOCK_FILE_H_
