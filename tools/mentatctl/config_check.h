// `mentatctl config check SERVICE FILE...`: whether a file is a service's configuration.
#ifndef TOOLS_MENTATCTL_CONFIG_CHECK_H_
#define TOOLS_MENTATCTL_CONFIG_CHECK_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeConfigCheckCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CONFIG_CHECK_H_
