// `mentatctl status --nagios`: the state of the installation as one line of a monitoring plugin.
#ifndef TOOLS_MENTATCTL_NAGIOS_STATUS_H_
#define TOOLS_MENTATCTL_NAGIOS_STATUS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/nagios.h"

namespace mentat::mentatctl {

// What there are thresholds for, of each stage:
//   queue_age  seconds that the oldest event held by one of its instances has waited
//   in_flight  events held by all of its instances
//   rate       events received a second by all of them
//   rejected   events that became dead letters there since the instances started
//   ready      instances that are ready
const std::vector<std::string>& NagiosMetrics();

// The worse of what the state is and of the thresholds.
NagiosResult MakeNagiosResult(const controller::v1::GetStatusResponse& response,
                              const Thresholds& warning, const Thresholds& critical);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_NAGIOS_STATUS_H_
