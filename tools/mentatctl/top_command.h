// `mentatctl top`: the installation live, in a terminal.
#ifndef TOOLS_MENTATCTL_TOP_COMMAND_H_
#define TOOLS_MENTATCTL_TOP_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeTopCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TOP_COMMAND_H_
