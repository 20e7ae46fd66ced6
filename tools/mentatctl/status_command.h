// `mentatctl status [--json]`: the stages, their instances, and whether all is well.
#ifndef TOOLS_MENTATCTL_STATUS_COMMAND_H_
#define TOOLS_MENTATCTL_STATUS_COMMAND_H_

#include <string>

#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

// As monitoring systems count.
enum class Severity { kOk = 0, kWarning = 1, kCritical = 2 };

// kCritical if an instance does not answer, a stage has no instance, or none that is ready although
// one should be; kWarning if an instance is paused, draining or starting, or is not ready beside
// another that is. Instances that are gone don't count.
Severity Judge(const controller::v1::GetStatusResponse& response);

// A table, and below it a line for each instance that has something to say.
std::string FormatStatusTable(const controller::v1::GetStatusResponse& response);
// One object: {"severity":…,"stages":[{"name":…,"error":…,"instances":[{…}]}]}.
std::string FormatStatusJson(const controller::v1::GetStatusResponse& response);

// The exit status is the severity.
Command MakeStatusCommand();

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_STATUS_COMMAND_H_
