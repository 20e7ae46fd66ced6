// `mentatctl idea check`: whether events are valid.
#ifndef TOOLS_MENTATCTL_IDEA_COMMAND_H_
#define TOOLS_MENTATCTL_IDEA_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeIdeaCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_IDEA_COMMAND_H_
