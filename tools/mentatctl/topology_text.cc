#include "tools/mentatctl/topology_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {

using controller::v1::GetTopologyResponse;
using controller::v1::TopologyEdge;
using controller::v1::TopologyNode;

std::string NodesText(const GetTopologyResponse& topology) {
  Table table({"STAGE", ">READY", ">RECEIVED/S", ">IN FLIGHT", ">OLDEST"});
  for (const TopologyNode& node : topology.nodes()) {
    table.Add({node.stage(), absl::StrCat(node.ready_instances(), "/", node.instances()),
               absl::StrFormat("%.1f", node.received_per_second()), absl::StrCat(node.in_flight()),
               AgeText(Seconds(node.oldest_event_age()))});
  }
  return table.Format();
}

std::string EdgesText(const GetTopologyResponse& topology) {
  Table table({"FROM", "OUTPUT", "TO", ">UP", ">EVENTS/S", ">UNACKED", ">FILL", ">OLDEST"});
  std::string unknown;
  for (const TopologyEdge& edge : topology.edges()) {
    const double fill = edge.window_events() == 0
                            ? 0
                            : 100.0 * static_cast<double>(edge.outstanding_events()) /
                                  static_cast<double>(edge.window_events());
    table.Add({edge.from(), edge.output(), edge.to().empty() ? "?" : edge.to(),
               absl::StrCat(edge.connected(), "/", edge.connections()),
               absl::StrFormat("%.1f", edge.events_per_second()),
               absl::StrCat(edge.outstanding_events()), absl::StrFormat("%.0f %%", fill),
               AgeText(Seconds(edge.oldest_age()))});
    for (const std::string& endpoint : edge.unknown_endpoints()) {
      absl::StrAppend(&unknown, Printable(edge.from()), " ", Printable(edge.output()),
                      ": no known instance listens on ", Printable(endpoint), "\n");
    }
  }
  return absl::StrCat(table.Format(), unknown.empty() ? "" : "\n", unknown);
}

}  // namespace mentat::mentatctl
