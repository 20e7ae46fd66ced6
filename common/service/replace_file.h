// Puts files in the place of others so that whoever reads sees the old or the new one, whole, also
// after a loss of power. Stateless, thread-safe.
#ifndef COMMON_SERVICE_REPLACE_FILE_H_
#define COMMON_SERVICE_REPLACE_FILE_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace mentat::service {

struct Replacement {
  std::string path;
  const std::string* content = nullptr;  // null: the file is removed
  mode_t new_mode = 0644;                // where there was none before
};

// Everything is written beside its place first, so that what fails for want of room or rights has
// changed nothing. A new file keeps mode and, where that is allowed, owner of the one before. The
// error names the file.
absl::Status ReplaceFiles(const std::vector<Replacement>& replacements);

// Its steps, for who writes otherwise. `path` is for the error.
absl::Status WriteAll(int fd, std::string_view content, const std::string& path);
// Files that were made, renamed or removed in the folder of `path` are so after a loss of power
// too.
absl::Status SyncFolderOf(const std::string& path);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_REPLACE_FILE_H_
