// `mentatctl dead-letters list|count|get|replay|discard`: rejected events, through the controller.
#ifndef TOOLS_MENTATCTL_DEAD_LETTERS_COMMAND_H_
#define TOOLS_MENTATCTL_DEAD_LETTERS_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeDeadLettersCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_DEAD_LETTERS_COMMAND_H_
