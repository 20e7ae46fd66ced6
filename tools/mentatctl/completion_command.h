// `mentatctl completion bash|zsh|fish`: what a shell needs to complete command lines.
#ifndef TOOLS_MENTATCTL_COMPLETION_COMMAND_H_
#define TOOLS_MENTATCTL_COMPLETION_COMMAND_H_

#include <string>
#include <vector>

#include "tools/mentatctl/cli/command.h"
#include "tools/mentatctl/connection.h"

namespace mentat::mentatctl {

Command MakeCompletionCommand();

// Names of stages, or of stages and instances, as the controller knows them; none if it does not
// answer within a second, or the connection is not known.
std::vector<std::string> FindNamesToComplete(const ConnectionFlags& flags,
                                             const Environment& environment, Completes kind);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_COMPLETION_COMMAND_H_
