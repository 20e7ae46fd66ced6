// The controller over real stages in processes of their own.

#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "common/service/testing/service_process.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mentat/controller/v1/controller.grpc.pb.h"
#include "services/controller/controller_fixture.h"

namespace mentat::controller {
namespace {

using testing::HasSubstr;
using testing_support::ChildProcess;
using testing_support::kPatience;
using testing_support::ServiceProcess;

constexpr char kProgram[] = "services/controller/controller";
constexpr char kDemo[] = "services/demo/demo";

TEST_F(ControllerTest, ListsTheConfiguredStagesAndAsksTheirInstances) {
  auto one = StartDemo("one");
  auto two = StartDemo("two");
  StartController(absl::StrCat("[", Stage("first", {two->ports().admin, one->ports().admin}), ", ",
                               Stage("second", {"no-such-host.invalid:1"}), "]"));
  const v1::GetStatusResponse status = Status();
  ASSERT_EQ(status.stages_size(), 2);
  EXPECT_EQ(status.stages(0).name(), "first");
  ASSERT_EQ(status.stages(0).instances_size(), 2);
  EXPECT_EQ(status.stages(0).instances(0).status().instance(), "one");
  EXPECT_EQ(status.stages(0).instances(1).status().instance(), "two");
  EXPECT_EQ(status.stages(0).instances(0).reachability(), v1::REACHABILITY_ANSWERED);
  EXPECT_EQ(status.stages(0).instances(0).status().state(), stage::v1::STATE_READY);
  EXPECT_EQ(status.stages(0).instances(0).address(), one->ports().admin);
  EXPECT_EQ(status.stages(1).instances_size(), 0);
  EXPECT_THAT(status.stages(1).error(), HasSubstr("no-such-host.invalid"));
  EXPECT_EQ(Status({"second"}).stages_size(), 1);

  grpc::ClientContext context;
  v1::ListStagesResponse list;
  ASSERT_TRUE(stub().ListStages(&context, {}, &list).ok());
  ASSERT_EQ(list.stages_size(), 2);
  EXPECT_EQ(list.stages(0).addresses_size(), 2);
}

TEST_F(ControllerTest, FindsLocalInstancesByTheirPortsFiles) {
  StartController("[]", {"--set", "ports_dir=" + folder() + "/ports"});
  EXPECT_EQ(Status().stages_size(), 0);
  std::ofstream(folder() + "/ports/broken.json") << "{";
  std::ofstream(folder() + "/ports/readme.txt") << "not looked at";
  auto one = StartDemo("one");
  v1::GetStatusResponse status = Status();
  ASSERT_EQ(status.stages_size(), 1);
  EXPECT_EQ(status.stages(0).name(), "demo");
  ASSERT_EQ(status.stages(0).instances_size(), 1);
  EXPECT_EQ(status.stages(0).instances(0).status().instance(), "one");

  // One that ends takes its file away: it is shown as gone, with what it said last.
  one->process().Signal(SIGTERM);
  EXPECT_EQ(one->process().Wait().value(), 0);
  status = Status();
  ASSERT_EQ(status.stages_size(), 1);
  ASSERT_EQ(status.stages(0).instances_size(), 1);
  EXPECT_EQ(status.stages(0).instances(0).reachability(), v1::REACHABILITY_GONE);
  EXPECT_EQ(status.stages(0).instances(0).status().instance(), "one");
}

TEST_F(ControllerTest, AKilledInstanceIsUnreachableUntilItIsBack) {
  auto one = StartDemo("one");
  const std::string address = one->ports().admin;
  StartController(absl::StrCat("[", Stage("demo", {address}), "]"));
  EXPECT_EQ(Status().stages(0).instances(0).reachability(), v1::REACHABILITY_ANSWERED);
  one->process().Signal(SIGKILL);
  EXPECT_EQ(one->process().Wait().value(), 128 + SIGKILL);
  const v1::GetStatusResponse status = Status();
  const v1::InstanceStatus& instance = status.stages(0).instances(0);
  EXPECT_EQ(instance.reachability(), v1::REACHABILITY_UNREACHABLE);
  EXPECT_NE(instance.error(), "");
  EXPECT_EQ(instance.status().instance(), "one");

  auto again = ServiceProcess::Start(kDemo, folder() + "/ports", "again",
                                     {"--set", "pipeline.input.bind=tcp://127.0.0.1:*", "--set",
                                      "service.admin_listen=" + address});
  ASSERT_THAT(again, IsOk());
  // The next attempts to connect come at intervals of a second at the most.
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kPatience);
  while (Status().stages(0).instances(0).reachability() != v1::REACHABILITY_ANSWERED) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  }
  EXPECT_EQ(Status().stages(0).instances(0).status().instance(), "again");
}

TEST_F(ControllerTest, AFrozenInstanceHidesNoOther) {
  auto frozen = StartDemo("frozen");
  auto lively = StartDemo("lively");
  StartController(
      absl::StrCat("[", Stage("demo", {frozen->ports().admin, lively->ports().admin}), "]"));
  EXPECT_EQ(Status().stages(0).instances_size(), 2);
  Freeze(frozen);
  const v1::GetStatusResponse status = Status();
  ASSERT_EQ(status.stages(0).instances_size(), 2);
  EXPECT_EQ(status.stages(0).instances(0).reachability(), v1::REACHABILITY_UNREACHABLE);
  EXPECT_EQ(status.stages(0).instances(0).status().instance(), "frozen");
  EXPECT_EQ(status.stages(0).instances(1).reachability(), v1::REACHABILITY_ANSWERED);
  frozen->process().Signal(SIGCONT);
  EXPECT_EQ(Status().stages(0).instances(0).reachability(), v1::REACHABILITY_ANSWERED);
}

TEST_F(ControllerTest, AStageThatStandsThereTwiceIsRefused) {
  const std::string output = folder() + "/out";
  auto process = ChildProcess::Start(
      kProgram, {"--set", absl::StrCat("stages=[", Stage("a", {}), ", ", Stage("a", {}), "]")},
      output);
  ASSERT_THAT(process, IsOk());
  EXPECT_EQ((*process)->Wait().value(), 1);
  EXPECT_THAT((*process)->Output(), HasSubstr("the stage a stands there twice"));
}

}  // namespace
}  // namespace mentat::controller
