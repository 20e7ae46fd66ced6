// `mentatctl topology`: who sends to whom, and how fast.
#ifndef TOOLS_MENTATCTL_TOPOLOGY_COMMAND_H_
#define TOOLS_MENTATCTL_TOPOLOGY_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeTopologyCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TOPOLOGY_COMMAND_H_
