// `mentatctl reload TARGET...`: configuration, rules and tables again, on all instances or none.
#ifndef TOOLS_MENTATCTL_RELOAD_COMMAND_H_
#define TOOLS_MENTATCTL_RELOAD_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeReloadCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_RELOAD_COMMAND_H_
