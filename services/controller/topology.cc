#include "services/controller/topology.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mentat::controller {
namespace {

using google::protobuf::Duration;

// The host in front of the port; what is in front of the last colon.
std::string HostOf(const std::string& address) { return address.substr(0, address.rfind(':')); }

// The endpoint that others connect to. One that is bound to all interfaces is reached under the
// address that the instance's control plane answers on.
std::string ReachableEndpoint(const v1::InstanceStatus& instance) {
  const std::string& endpoint = instance.status().input_endpoint();
  for (const std::string_view any : {"tcp://0.0.0.0:", "tcp://[::]:", "tcp://*:"}) {
    if (!endpoint.starts_with(any)) continue;
    return absl::StrCat("tcp://", HostOf(instance.address()), ":", endpoint.substr(any.size()));
  }
  return endpoint;
}

bool IsLonger(const Duration& a, const Duration& b) {
  return std::tuple(a.seconds(), a.nanos()) > std::tuple(b.seconds(), b.nanos());
}

void AddPeer(const stage::v1::Peer& peer, v1::TopologyEdge& edge) {
  edge.set_connections(edge.connections() + 1);
  edge.set_connected(edge.connected() + (peer.connected() ? 1 : 0));
  edge.set_events_per_second(edge.events_per_second() + peer.events_per_second());
  edge.set_outstanding_events(edge.outstanding_events() + peer.outstanding_events());
  edge.set_window_events(edge.window_events() + peer.window_events());
  if (IsLonger(peer.oldest_age(), edge.oldest_age())) {
    *edge.mutable_oldest_age() = peer.oldest_age();
  }
}

void AddInstance(const stage::v1::Status& status, v1::TopologyNode& node) {
  node.set_instances(node.instances() + 1);
  if (status.state() == stage::v1::STATE_READY) {
    node.set_ready_instances(node.ready_instances() + 1);
  }
  node.set_received_per_second(node.received_per_second() + status.received_per_second());
  node.set_in_flight(node.in_flight() + status.ledger().in_flight());
  if (IsLonger(status.oldest_event_age(), node.oldest_event_age())) {
    *node.mutable_oldest_event_age() = status.oldest_event_age();
  }
}

}  // namespace

v1::GetTopologyResponse MakeTopology(const v1::GetStatusResponse& known) {
  // Of those too that do not answer now: their peers still show what waits for them.
  std::map<std::string, std::string> stage_of;  // by endpoint
  for (const v1::StageStatus& stage : known.stages()) {
    for (const v1::InstanceStatus& instance : stage.instances()) {
      const std::string endpoint = ReachableEndpoint(instance);
      if (!endpoint.empty()) stage_of[endpoint] = stage.name();
    }
  }
  v1::GetTopologyResponse topology;
  for (const v1::StageStatus& stage : known.stages()) {
    v1::TopologyNode& node = *topology.add_nodes();
    node.set_stage(stage.name());
    // By output and receiving stage, the one that nobody knows first.
    std::map<std::pair<std::string, std::string>, v1::TopologyEdge> edges;
    for (const v1::InstanceStatus& instance : stage.instances()) {
      if (instance.reachability() != v1::REACHABILITY_ANSWERED) continue;
      AddInstance(instance.status(), node);
      for (const stage::v1::Peer& peer : instance.status().peers()) {
        const auto to = stage_of.find(peer.endpoint());
        const std::string& receiver = to == stage_of.end() ? std::string() : to->second;
        v1::TopologyEdge& edge = edges[{peer.output(), receiver}];
        AddPeer(peer, edge);
        if (to != stage_of.end()) continue;
        const auto& unknown = edge.unknown_endpoints();
        if (std::find(unknown.begin(), unknown.end(), peer.endpoint()) == unknown.end()) {
          edge.add_unknown_endpoints(peer.endpoint());
        }
      }
    }
    for (auto& [ends, edge] : edges) {
      edge.set_from(stage.name());
      edge.set_output(ends.first);
      edge.set_to(ends.second);
      topology.mutable_edges()->Add(std::move(edge));
    }
  }
  return topology;
}

}  // namespace mentat::controller
