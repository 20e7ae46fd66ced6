// `mentatctl reloads`, `rollback` and `audit`: what was changed, and back again.
#ifndef TOOLS_MENTATCTL_HISTORY_COMMANDS_H_
#define TOOLS_MENTATCTL_HISTORY_COMMANDS_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeReloadsCommand();
Command MakeRollbackCommand();
Command MakeAuditCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_HISTORY_COMMANDS_H_
