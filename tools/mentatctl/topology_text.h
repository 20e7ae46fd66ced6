// The topology as tables for people.
#ifndef TOOLS_MENTATCTL_TOPOLOGY_TEXT_H_
#define TOOLS_MENTATCTL_TOPOLOGY_TEXT_H_

#include <string>

#include "mentat/controller/v1/controller.pb.h"

namespace mentat::mentatctl {

// A line for each stage.
std::string NodesText(const controller::v1::GetTopologyResponse& topology);
// A line for each edge, then one for each endpoint that nobody known has.
std::string EdgesText(const controller::v1::GetTopologyResponse& topology);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TOPOLOGY_TEXT_H_
