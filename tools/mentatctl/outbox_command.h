// `mentatctl outbox list|count|retry|discard`: effects that wait for their delivery, through the
// controller.
#ifndef TOOLS_MENTATCTL_OUTBOX_COMMAND_H_
#define TOOLS_MENTATCTL_OUTBOX_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeOutboxCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_OUTBOX_COMMAND_H_
