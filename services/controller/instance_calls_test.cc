// Calls on many instances at once, streams and the topology, over real stages.

#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "gtest/gtest.h"
#include "services/controller/controller_fixture.h"

namespace mentat::controller {
namespace {

using testing::HasSubstr;
using testing_support::ServiceProcess;
using Stub = v1::Controller::Stub;

stage::v1::State StateOf(ServiceProcess& process) {
  return process.Status().value_or(stage::v1::Status()).state();
}

// The selection's stages and instances, as a request takes it.
template <typename Request>
Request For(const std::vector<std::string>& stages, const std::vector<std::string>& instances) {
  Request request;
  for (const std::string& stage : stages) request.mutable_selection()->add_stages(stage);
  for (const std::string& instance : instances) {
    request.mutable_selection()->add_instances(instance);
  }
  return request;
}

class InstanceCallsTest : public ControllerTest {};

TEST_F(InstanceCallsTest, AllAreCalledAndOneThatHangsHoldsUpNoOther) {
  auto one = StartDemo("one");
  auto two = StartDemo("two");
  auto frozen = StartDemo("frozen");
  StartController(
      Stages({Stage("first", {one->ports().admin, frozen->ports().admin}),
              Stage("second", {two->ports().admin}), Stage("nobody", {"no-such-host.invalid:1"})}));
  Status();
  Freeze(frozen);

  const v1::PauseResponse paused = Call(&Stub::Pause, v1::PauseRequest());
  ASSERT_EQ(paused.results_size(), 3);
  EXPECT_EQ(paused.results(0).stage(), "first");
  EXPECT_EQ(paused.results(0).instance(), "frozen");
  EXPECT_EQ(paused.results(0).address(), frozen->ports().admin);
  EXPECT_EQ(paused.results(0).code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_NE(paused.results(0).error(), "");
  EXPECT_EQ(paused.results(1).instance(), "one");
  EXPECT_EQ(paused.results(1).code(), grpc::StatusCode::OK);
  EXPECT_EQ(paused.results(2).stage(), "second");
  EXPECT_EQ(paused.results(2).code(), grpc::StatusCode::OK);
  EXPECT_THAT(one->WaitForState(stage::v1::STATE_PAUSED), IsOk());
  EXPECT_THAT(two->WaitForState(stage::v1::STATE_PAUSED), IsOk());
  frozen->process().Signal(SIGCONT);
}

TEST_F(InstanceCallsTest, ASelectionMeansStagesAndInstancesByNameAndAddress) {
  auto one = StartDemo("one");
  auto two = StartDemo("two");
  auto three = StartDemo("three");
  StartController(Stages({Stage("first", {one->ports().admin, two->ports().admin}),
                          Stage("second", {three->ports().admin})}));
  EXPECT_EQ(Call(&Stub::Pause, For<v1::PauseRequest>({"second"}, {"two"})).results_size(), 2);
  EXPECT_THAT(two->WaitForState(stage::v1::STATE_PAUSED), IsOk());
  EXPECT_THAT(three->WaitForState(stage::v1::STATE_PAUSED), IsOk());
  EXPECT_EQ(StateOf(*one), stage::v1::STATE_READY);

  const v1::ResumeResponse resumed =
      Call(&Stub::Resume, For<v1::ResumeRequest>({}, {three->ports().admin, "three"}));
  EXPECT_EQ(resumed.results_size(), 1);
  EXPECT_THAT(three->WaitForState(stage::v1::STATE_READY), IsOk());
  EXPECT_EQ(StateOf(*two), stage::v1::STATE_PAUSED);
}

TEST_F(InstanceCallsTest, AMisspelledNameIsNotFoundAndNothingIsCalled) {
  auto one = StartDemo("one");
  StartController(Stages({Stage("first", {one->ports().admin}), Stage("second", {})}));
  v1::PauseResponse response;
  grpc::Status status = TryCall(&Stub::Pause, For<v1::PauseRequest>({"first"}, {"tow"}), response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(),
            "no stage or instance is called tow; the controller knows the stages first, second");
  status = TryCall(&Stub::Pause, For<v1::PauseRequest>({"second"}, {}), response);
  EXPECT_EQ(status.error_message(), "the stage second has no instance");
  EXPECT_EQ(StateOf(*one), stage::v1::STATE_READY);
}

TEST_F(InstanceCallsTest, EachInstanceTellsWhatItIsAskedAndWhyItRefuses) {
  auto one = StartDemo("one", {"--set", "note=of one"});
  auto two = StartDemo("two");
  StartController(Stages({Stage("demo", {one->ports().admin, two->ports().admin})}));
  const v1::GetConfigResponse configs = Call(&Stub::GetConfig, v1::GetConfigRequest());
  ASSERT_EQ(configs.instances_size(), 2);
  EXPECT_EQ(configs.instances(0).result().instance(), "one");
  EXPECT_THAT(configs.instances(0).answer().ShortDebugString(), HasSubstr("of one"));
  EXPECT_EQ(configs.instances(1).result().instance(), "two");
  EXPECT_EQ(configs.instances(1).answer().ShortDebugString().find("of one"), std::string::npos);

  v1::SetLogLevelRequest request;
  request.set_level("loud");
  v1::SetLogLevelResponse response = Call(&Stub::SetLogLevel, request);
  ASSERT_EQ(response.results_size(), 2);
  for (const v1::InstanceResult& result : response.results()) {
    EXPECT_EQ(result.code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(result.error(), HasSubstr("expected debug"));
  }
  request.set_level("debug");
  response = Call(&Stub::SetLogLevel, request);
  ASSERT_EQ(response.results_size(), 2);
  for (const v1::InstanceResult& result : response.results()) {
    EXPECT_EQ(result.code(), grpc::StatusCode::OK);
  }
}

TEST_F(InstanceCallsTest, DrainedInstancesEndAndTheControllerDrainsItselfOnlyIfItIsNamed) {
  // In one folder, so that the controller finds itself too.
  StartController("[]", {"--set", "ports_dir=" + folder() + "/ports", "--set",
                         "service.ports_file=" + folder() + "/ports/controller.json"});
  auto one = StartDemo("one");
  ASSERT_EQ(Status().stages_size(), 1);
  const v1::DrainResponse drained = Call(&Stub::Drain, v1::DrainRequest());
  ASSERT_EQ(drained.results_size(), 1);
  EXPECT_EQ(drained.results(0).instance(), "one");
  EXPECT_EQ(one->process().Wait().value(), 0);
  const v1::GetStatusResponse status = Status();
  EXPECT_EQ(status.stages(0).instances(0).reachability(), v1::REACHABILITY_GONE);
  EXPECT_EQ(status.stages(0).instances(0).status().instance(), "one");
}

TEST_F(InstanceCallsTest, AWatcherSeesWhatChanges) {
  auto one = StartDemo("one");
  auto two = StartDemo("two");
  StartController(
      Stages({Stage("first", {one->ports().admin}), Stage("second", {two->ports().admin})}));
  grpc::ClientContext context;
  SetDeadline(context);
  auto request = For<v1::WatchStatusRequest>({}, {"one"});
  request.mutable_interval()->set_nanos(1);
  const auto reader = stub().WatchStatus(&context, request);
  v1::WatchStatusResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_EQ(response.stages_size(), 1);
  EXPECT_EQ(response.stages(0).instances(0).status().state(), stage::v1::STATE_READY);
  Call(&Stub::Pause, v1::PauseRequest());
  do {
    ASSERT_TRUE(reader->Read(&response));
  } while (response.stages(0).instances(0).status().state() != stage::v1::STATE_PAUSED);
}

TEST_F(InstanceCallsTest, SoManyMayWatchAndWhoLeavesMakesRoom) {
  StartController("[]");
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchStatusResponse>> reader;
  };
  const auto begin = [this] {
    auto watch = std::make_unique<Watch>();
    SetDeadline(watch->context);
    watch->reader = stub().WatchStatus(&watch->context, {});
    return watch;
  };
  v1::WatchStatusResponse response;
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < 10; ++i) {
    watches.push_back(begin());
    ASSERT_TRUE(watches.back()->reader->Read(&response)) << i;
  }
  const auto refused = begin();
  EXPECT_FALSE(refused->reader->Read(&response));
  EXPECT_EQ(refused->reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Status().stages_size(), 0);

  watches.back()->context.TryCancel();
  const auto deadline =
      std::chrono::steady_clock::now() + absl::ToChronoSeconds(testing_support::kPatience);
  while (!begin()->reader->Read(&response)) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  }
}

TEST_F(InstanceCallsTest, TheTopologyShowsEachEdgeAndTheEndpointsThatNobodyHas) {
  auto last = StartDemo("last");
  auto open = StartDemo("open", {"--set", "pipeline.input.bind=tcp://0.0.0.0:*"});
  const std::string port = open->ports().input.substr(open->ports().input.rfind(':'));
  auto first = StartDemo("first",
                         {"--set",
                          absl::StrCat("pipeline.outputs.default.peers=[\"", last->ports().input,
                                       "\", \"tcp://127.0.0.1", port, "\"]"),
                          "--set", "pipeline.outputs.side.peers=[\"tcp://127.0.0.1:1\"]"},
                         stage::v1::STATE_NOT_READY);
  // Until both are connected.
  ASSERT_THAT(first->WaitUntil([](const stage::v1::Status& status) {
    int connected = 0;
    for (const stage::v1::Peer& peer : status.peers()) connected += peer.connected();
    return connected == 2;
  }),
              IsOk());
  StartController(Stages({Stage("first", {first->ports().admin}),
                          Stage("second", {last->ports().admin, open->ports().admin})}));
  const v1::GetTopologyResponse topology = Call(&Stub::GetTopology, v1::GetTopologyRequest());
  ASSERT_EQ(topology.nodes_size(), 2);
  EXPECT_EQ(topology.nodes(0).stage(), "first");
  EXPECT_EQ(topology.nodes(1).instances(), 2);
  EXPECT_EQ(topology.nodes(1).ready_instances(), 2);
  ASSERT_EQ(topology.edges_size(), 2);
  const v1::TopologyEdge& edge = topology.edges(0);
  EXPECT_EQ(edge.from(), "first");
  EXPECT_EQ(edge.output(), "default");
  EXPECT_EQ(edge.to(), "second");
  EXPECT_EQ(edge.connections(), 2);
  EXPECT_EQ(edge.connected(), 2);
  EXPECT_EQ(edge.unknown_endpoints_size(), 0);
  EXPECT_EQ(topology.edges(1).output(), "side");
  EXPECT_EQ(topology.edges(1).to(), "");
  EXPECT_EQ(topology.edges(1).connected(), 0);
  ASSERT_EQ(topology.edges(1).unknown_endpoints_size(), 1);
  EXPECT_EQ(topology.edges(1).unknown_endpoints(0), "tcp://127.0.0.1:1");
}

}  // namespace
}  // namespace mentat::controller
