// The files that a configuration is read from: what they include, and the directories of overrides.
// Stateless, thread-safe.
#ifndef COMMON_SERVICE_CONFIG_FILES_H_
#define COMMON_SERVICE_CONFIG_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/service/config_node.h"
#include "common/service/reload_path.h"

namespace mentat::service {

// The key, of the outermost object alone, whose files are read before the file itself: a path or a
// list of paths, from the folder of the file. A folder stands for its override files.
inline constexpr char kIncludeKey[] = "include";

// How deep files may include each other, and how many may be read for one.
inline constexpr size_t kMaxIncludeDepth = 8;
inline constexpr size_t kMaxIncludedFiles = 256;

// Lays a file over `root`: first what it includes, in its order, then its own keys. InvalidArgument
// (NotFound where there is no such file) names the file and line; `root` is of no use then.
absl::Status MergeConfigFile(const std::string& path, ConfigNode& root);

// The *.json and *.json.conf of a directory, in the order of their names; hidden files are none.
absl::StatusOr<std::vector<std::string>> OverrideFiles(const std::string& directory);

// Adds the paths that MergeConfigFile reads for this file, itself included, as far as they can be
// told now. Each once.
void AddConfigPaths(const std::string& path, std::vector<ReloadPath>& paths);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_CONFIG_FILES_H_
