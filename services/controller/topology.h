// Who sends to whom, made of what the instances say of themselves.
#ifndef SERVICES_CONTROLLER_TOPOLOGY_H_
#define SERVICES_CONTROLLER_TOPOLOGY_H_

#include "mentat/controller/v1/controller.pb.h"

namespace mentat::controller {

v1::GetTopologyResponse MakeTopology(const v1::GetStatusResponse& known);

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_TOPOLOGY_H_
