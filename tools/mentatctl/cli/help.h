// What --help prints.
#ifndef TOOLS_MENTATCTL_CLI_HELP_H_
#define TOOLS_MENTATCTL_CLI_HELP_H_

#include <string>
#include <vector>

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

// `mentatctl keys show PATH... [--json]`, without the global options. `path` leads from the root to
// the command.
std::string UsageLine(const std::vector<const Command*>& path);

// Usage, description, commands, arguments and examples of the last command of `path`.
std::string Help(const std::vector<const Command*>& path);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CLI_HELP_H_
