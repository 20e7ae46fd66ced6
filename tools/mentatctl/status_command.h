// `mentatctl status [--json]`: the stages, their instances, and whether all is well.
#ifndef TOOLS_MENTATCTL_STATUS_COMMAND_H_
#define TOOLS_MENTATCTL_STATUS_COMMAND_H_

#include <string>

#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/cli/command.h"
#include "tools/mentatctl/judge.h"

namespace mentat::mentatctl {

// A table, and below it a line for each instance that has something to say.
std::string FormatStatusTable(const controller::v1::GetStatusResponse& response);
// One object: {"severity":…,"stages":[{"name":…,"error":…,"instances":[{…}]}]}.
std::string FormatStatusJson(const controller::v1::GetStatusResponse& response);

Command MakeStatusCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_STATUS_COMMAND_H_
