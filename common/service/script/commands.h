// The commands of a script: found by name, their arguments parsed, their help printed.
#ifndef COMMON_SERVICE_SCRIPT_COMMANDS_H_
#define COMMON_SERVICE_SCRIPT_COMMANDS_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/service/script/script.h"

namespace mentat::service {

// A command that is ready to run, or help that was asked for.
struct ParsedCommand {
  std::string name;
  std::string help;  // set where the words ask for it
  ScriptWork work;
};

// InvalidArgument says what is wrong with the words, the first of which is the command's name.
absl::StatusOr<ParsedCommand> ParseCommand(std::string_view program,
                                           const std::vector<ScriptCommand>& commands,
                                           const std::vector<std::string>& words);

// A line for each.
std::string CommandsHelp(const std::vector<ScriptCommand>& commands);

// Words of a line as a shell takes them: quotes hold blanks together, a backslash takes the next
// character as it is.
absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view line);

// `10m`, `1h30m`, `90s`, or `hourly`, `daily`, `weekly`; from a tenth of a second to a year.
absl::StatusOr<absl::Duration> ParseInterval(const std::string& text);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_SCRIPT_COMMANDS_H_
