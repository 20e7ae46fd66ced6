// `mentatctl workloads`, `start`, `stop`, `restart` and `scale`: the processes of the stages.
#ifndef TOOLS_MENTATCTL_WORKLOAD_COMMANDS_H_
#define TOOLS_MENTATCTL_WORKLOAD_COMMANDS_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeWorkloadsCommand();
Command MakeStartCommand();
Command MakeStopCommand();
Command MakeRestartCommand();
Command MakeScaleCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_WORKLOAD_COMMANDS_H_
