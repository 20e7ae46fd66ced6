// `mentatctl filter EXPR`: the filter language at the command line.
#ifndef TOOLS_MENTATCTL_FILTER_COMMAND_H_
#define TOOLS_MENTATCTL_FILTER_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeFilterCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_FILTER_COMMAND_H_
