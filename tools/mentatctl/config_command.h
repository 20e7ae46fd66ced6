// `mentatctl config view|check|diff`: what is configured, and where.
#ifndef TOOLS_MENTATCTL_CONFIG_COMMAND_H_
#define TOOLS_MENTATCTL_CONFIG_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeConfigCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CONFIG_COMMAND_H_
