// `mentatctl ledger TARGET...`: where the events of instances went.
#ifndef TOOLS_MENTATCTL_LEDGER_COMMAND_H_
#define TOOLS_MENTATCTL_LEDGER_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeLedgerCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_LEDGER_COMMAND_H_
