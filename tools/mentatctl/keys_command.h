// `mentatctl keys generate|show|rotate`: the keys that stages know each other by.
#ifndef TOOLS_MENTATCTL_KEYS_COMMAND_H_
#define TOOLS_MENTATCTL_KEYS_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeKeysCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_KEYS_COMMAND_H_
