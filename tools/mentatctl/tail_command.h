// `mentatctl tail 'FILTER'`: events that pass, as they come.
#ifndef TOOLS_MENTATCTL_TAIL_COMMAND_H_
#define TOOLS_MENTATCTL_TAIL_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeTailCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TAIL_COMMAND_H_
