#include "services/controller/topology.h"

#include <string>

#include "gtest/gtest.h"

namespace mentat::controller {
namespace {

constexpr char kPeer[] = "tcp://10.0.0.9:5571";

v1::InstanceStatus& AddInstance(v1::StageStatus& stage, const std::string& address,
                                v1::Reachability reachability = v1::REACHABILITY_ANSWERED) {
  v1::InstanceStatus& instance = *stage.add_instances();
  instance.set_address(address);
  instance.set_reachability(reachability);
  instance.mutable_status()->set_state(stage::v1::STATE_READY);
  return instance;
}

void AddPeer(v1::InstanceStatus& instance, const std::string& endpoint, double rate, int seconds) {
  stage::v1::Peer& peer = *instance.mutable_status()->add_peers();
  peer.set_output("default");
  peer.set_endpoint(endpoint);
  peer.set_connected(seconds < 10);
  peer.set_events_per_second(rate);
  peer.set_outstanding_events(100);
  peer.set_window_events(4096);
  peer.mutable_oldest_age()->set_seconds(seconds);
}

TEST(TopologyTest, AnEdgeIsTheSumOfItsConnectionsAndAsOldAsTheOldest) {
  v1::GetStatusResponse known;
  v1::StageStatus& from = *known.add_stages();
  from.set_name("inspector");
  v1::StageStatus& to = *known.add_stages();
  to.set_name("enricher");
  // Reached under the host of its control plane.
  AddInstance(to, "10.0.0.9:5580").mutable_status()->set_input_endpoint("tcp://0.0.0.0:5571");
  AddPeer(AddInstance(from, "10.0.0.1:5580"), kPeer, 10.5, 3);
  AddPeer(AddInstance(from, "10.0.0.2:5580"), kPeer, 20, 12);
  // What one that does not answer said last is no longer true.
  AddPeer(AddInstance(from, "10.0.0.3:5580", v1::REACHABILITY_UNREACHABLE), kPeer, 500, 99);

  const v1::GetTopologyResponse topology = MakeTopology(known);
  ASSERT_EQ(topology.edges_size(), 1);
  const v1::TopologyEdge& edge = topology.edges(0);
  EXPECT_EQ(edge.from(), "inspector");
  EXPECT_EQ(edge.to(), "enricher");
  EXPECT_EQ(edge.connections(), 2);
  EXPECT_EQ(edge.connected(), 1);
  EXPECT_EQ(edge.events_per_second(), 30.5);
  EXPECT_EQ(edge.outstanding_events(), 200);
  EXPECT_EQ(edge.window_events(), 8192);
  EXPECT_EQ(edge.oldest_age().seconds(), 12);
}

TEST(TopologyTest, ANodeIsTheSumOfTheInstancesThatAnswer) {
  v1::GetStatusResponse known;
  v1::StageStatus& stage = *known.add_stages();
  stage.set_name("storage");
  for (const int seconds : {1, 4}) {
    stage::v1::Status& status = *AddInstance(stage, "a").mutable_status();
    status.set_received_per_second(100);
    status.mutable_ledger()->set_in_flight(7);
    status.mutable_oldest_event_age()->set_seconds(seconds);
  }
  stage.mutable_instances(1)->mutable_status()->set_state(stage::v1::STATE_PAUSED);
  AddInstance(stage, "b", v1::REACHABILITY_GONE);

  const v1::TopologyNode node = MakeTopology(known).nodes(0);
  EXPECT_EQ(node.instances(), 2);
  EXPECT_EQ(node.ready_instances(), 1);
  EXPECT_EQ(node.received_per_second(), 200);
  EXPECT_EQ(node.in_flight(), 14);
  EXPECT_EQ(node.oldest_event_age().seconds(), 4);
}

}  // namespace
}  // namespace mentat::controller
