// `mentatctl config diff TARGET...`: how configurations differ.
#ifndef TOOLS_MENTATCTL_CONFIG_DIFF_H_
#define TOOLS_MENTATCTL_CONFIG_DIFF_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeConfigDiffCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CONFIG_DIFF_H_
