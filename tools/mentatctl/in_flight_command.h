// `mentatctl in-flight TARGET...`: the batches that instances hold.
#ifndef TOOLS_MENTATCTL_IN_FLIGHT_COMMAND_H_
#define TOOLS_MENTATCTL_IN_FLIGHT_COMMAND_H_

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeInFlightCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_IN_FLIGHT_COMMAND_H_
