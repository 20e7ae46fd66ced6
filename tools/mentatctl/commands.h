// All that mentatctl can do. A new command is a file NAME_command.{h,cc} and a line in commands.cc.
#ifndef TOOLS_MENTATCTL_COMMANDS_H_
#define TOOLS_MENTATCTL_COMMANDS_H_

#include <optional>
#include <string>

#include "tools/mentatctl/cli/command.h"
#include "tools/mentatctl/connection.h"

namespace mentat::mentatctl {

// What may be said with every command.
struct GlobalOptions {
  ConnectionFlags connection;
  bool json = false;
  bool version = false;
  std::optional<double> timeout_seconds;
};

// The tree; its global arguments go to `options`, which outlives it.
Command MakeRootCommand(GlobalOptions& options);

// `mentatctl VERSION`.
std::string VersionLine();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_COMMANDS_H_
