// From words to a command, with CLI11.
#ifndef TOOLS_MENTATCTL_CLI_PARSE_H_
#define TOOLS_MENTATCTL_CLI_PARSE_H_

#include <string>
#include <vector>

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

struct Parsed {
  std::vector<const Command*> path;  // from the root to the command, as far as it was understood
  bool help = false;
  std::string error;  // what is wrong; empty if nothing is
};

// Sets the values of the arguments of the root, which may stand anywhere, and of the command. The
// words are those behind the program's name. A command that has others and nothing to run is an
// error without one of these.
Parsed Parse(const Command& root, std::vector<std::string> words);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CLI_PARSE_H_
