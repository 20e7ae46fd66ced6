// Puts files in the place of others so that whoever reads sees the old or the new one, whole, also
// after a loss of power. Stateless, thread-safe.
#ifndef COMMON_SERVICE_REPLACE_FILE_H_
#define COMMON_SERVICE_REPLACE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mentat::service {

struct Replacement {
  std::string path;
  const std::string* content = nullptr;  // null: the file is removed
};

// Everything is written beside its place first, so that what fails for want of room or rights has
// changed nothing. A new file keeps mode and, where that is allowed, owner of the one before. The
// error names the file.
absl::Status ReplaceFiles(const std::vector<Replacement>& replacements);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_REPLACE_FILE_H_
