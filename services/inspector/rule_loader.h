// Reads sets of rules from files. docs/rules.md describes their format.
//
// Stateless functions, thread-safe.
#ifndef SERVICES_INSPECTOR_RULE_LOADER_H_
#define SERVICES_INSPECTOR_RULE_LOADER_H_

#include <string>
#include <string_view>
#include <vector>

#include "services/inspector/load_options.h"
#include "services/inspector/object_reader.h"
#include "services/inspector/rule.h"

namespace mentat::inspector {

struct LoadResult {
  Rules rules;  // only to be used if `errors` is empty
  std::vector<Finding> errors;
  std::vector<Finding> warnings;
};

// Reads the files and directories `paths` in their order as one set, of a directory the files
// `*.json` and `*.conf` in the order of their names, hidden ones excepted. All that is wrong is
// found in one go. A set without an enabled rule is an error, too.
LoadResult LoadRules(const std::vector<std::string>& paths, const LoadOptions& options);

// Reads one set from `text`, which findings call `file`.
LoadResult ParseRules(std::string_view text, std::string_view file, const LoadOptions& options);

// All findings for people, one below the other, with their number before them.
std::string Describe(const std::vector<Finding>& findings);

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_RULE_LOADER_H_
