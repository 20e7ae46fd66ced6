// The flags that every service has.
#ifndef COMMON_SERVICE_COMMAND_LINE_H_
#define COMMON_SERVICE_COMMAND_LINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace mentat::service {

struct CommandLine {
  enum class Action { kRun, kHelp, kVersion, kConfigView, kConfigCheck };

  Action action = Action::kRun;
  std::string config_file;
  std::string config_dir;
  std::vector<std::string> sets;  // `path.to.key=value`
};

// `arguments` without the program's name. InvalidArgument names the flag and the nearest known one.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// What --help prints.
std::string CommandLineHelp(std::string_view service);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_COMMAND_LINE_H_
