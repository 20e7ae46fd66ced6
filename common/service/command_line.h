// The flags that every service has, and every script.
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

  // Of a script alone.
  std::string interval;  // empty: once
  bool shell = false;
  std::vector<std::string> words;  // the command and its arguments
};

enum class ProgramKind { kService, kScript };

// `arguments` without the program's name. A script's flags end at the first word that is none: the
// command. InvalidArgument names the flag and the nearest known one.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                             ProgramKind kind = ProgramKind::kService);

// What --help prints.
std::string CommandLineHelp(std::string_view program, ProgramKind kind = ProgramKind::kService);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_COMMAND_LINE_H_
