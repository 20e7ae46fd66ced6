// `mentatctl jobs list|run|enable|disable|history`: scheduled jobs.
#ifndef TOOLS_MENTATCTL_JOBS_COMMAND_H_
#define TOOLS_MENTATCTL_JOBS_COMMAND_H_

#include <string>

#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

Command MakeJobsCommand();

// For people.
std::string JobsText(const controller::v1::ListJobsResponse& jobs);
std::string RunsText(const controller::v1::ListJobRunsResponse& runs);

// Whether a job is not as it should be: its last run did not end well, or nobody can run it.
bool IsUnwell(const controller::v1::Job& job);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_JOBS_COMMAND_H_
