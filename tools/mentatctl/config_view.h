// `mentatctl config view TARGET...`: the configuration in effect, with origins.
#ifndef TOOLS_MENTATCTL_CONFIG_VIEW_H_
#define TOOLS_MENTATCTL_CONFIG_VIEW_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeConfigViewCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CONFIG_VIEW_H_
