// `mentatctl pause|resume|drain|log-level TARGET...`: steers instances, through the controller or,
// where they are named by address and there is none, each of them itself.
#ifndef TOOLS_MENTATCTL_STEER_COMMANDS_H_
#define TOOLS_MENTATCTL_STEER_COMMANDS_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakePauseCommand();
Command MakeResumeCommand();
Command MakeDrainCommand();
Command MakeLogLevelCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_STEER_COMMANDS_H_
