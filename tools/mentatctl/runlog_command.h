// `mentatctl runlog list|view|dump|evaluate`: what processes did, from their files or, while they
// run, from themselves.
#ifndef TOOLS_MENTATCTL_RUNLOG_COMMAND_H_
#define TOOLS_MENTATCTL_RUNLOG_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeRunlogCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_RUNLOG_COMMAND_H_
