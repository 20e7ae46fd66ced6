// How an installation is, from what its instances tell.
#ifndef TOOLS_MENTATCTL_JUDGE_H_
#define TOOLS_MENTATCTL_JUDGE_H_

#include <string>

#include "mentat/controller/v1/controller.pb.h"

namespace mentat::mentatctl {

// As monitoring systems count.
enum class Severity { kOk = 0, kWarning = 1, kCritical = 2 };

// `ok`, `warning`, `critical`.
const char* SeverityName(Severity severity);

// kCritical if an instance does not answer, a stage has no instance, or none that is ready although
// one should be; kWarning if an instance is paused, draining or starting, or is not ready beside
// another that is. Instances that are gone don't count.
Severity Judge(const controller::v1::GetStatusResponse& response);

bool IsReady(const controller::v1::InstanceStatus& instance);
// `ready`, `not ready`, `unreachable`, …
std::string StateText(const controller::v1::InstanceStatus& instance);
// Its name, or its address where no name is known.
std::string InstanceName(const controller::v1::InstanceStatus& instance);
// Why the instance is not ready, for people; empty if nothing is known.
std::string Reason(const controller::v1::InstanceStatus& instance);

// `4 of 5 instances ready: storage-2 paused`.
std::string Summary(const controller::v1::GetStatusResponse& response);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_JUDGE_H_
