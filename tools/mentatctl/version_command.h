// `mentatctl version`: the versions of mentatctl and of all instances.
#ifndef TOOLS_MENTATCTL_VERSION_COMMAND_H_
#define TOOLS_MENTATCTL_VERSION_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeVersionCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_VERSION_COMMAND_H_
