// `mentatctl pause|resume|drain|reload|log-level TARGET`: steers one or all instances of a stage.
#ifndef TOOLS_MENTATCTL_STAGE_COMMAND_H_
#define TOOLS_MENTATCTL_STAGE_COMMAND_H_

#include <ostream>
#include <string>

#include "tools/mentatctl/client.h"

namespace mentat::mentatctl {

// `target` is the name of a stage (all its instances), of an instance, or an admin address
// host:port, for which no controller is needed. Writes a line for each instance. Returns 0 if all
// did it, 1 if one did not, 2 if there is none or the controller does not answer.
int StageCommand(const Connection& connection, const std::string& target, StageAction action,
                 const std::string& level, std::ostream& out, std::ostream& err);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_STAGE_COMMAND_H_
