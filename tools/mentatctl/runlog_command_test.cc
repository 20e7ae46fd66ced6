// Run logs of real processes: one that ends, one that is killed, one that fails, one that runs;
// told by StageAdmin and the controller, and read by mentatctl from their files and from the
// processes.

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "common/service/testing/service_process.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mentat/controller/v1/controller.grpc.pb.h"
#include "nlohmann/json.hpp"

namespace mentat {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::ChildProcess;
using testing_support::ServiceProcess;

struct Result {
  int exit_status = -1;
  std::string output;
};

class RunlogCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  Result Ctl(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = {"runlog"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto process = ChildProcess::Start("tools/mentatctl/mentatctl", words, folder_ + "/ctl.out");
    EXPECT_THAT(process, IsOk());
    const auto status = (*process)->Wait();
    EXPECT_THAT(status, IsOk());
    const std::string output = (*process)->Output();
    std::filesystem::remove(folder_ + "/ctl.out");
    return {*status, output};
  }
  std::vector<std::string> DemoArguments(const std::string& instance) const {
    return {
        "--set", "pipeline.input.bind=tcp://127.0.0.1:*", "--set", "service.instance=" + instance,
        "--set", "service.runlog.folder=" + runs_,        "--set", "note=secret-like-text"};
  }
  std::unique_ptr<ServiceProcess> StartDemo(const std::string& instance) const {
    auto demo =
        ServiceProcess::Start("services/demo/demo", folder_, instance, DemoArguments(instance));
    EXPECT_THAT(demo, IsOk());
    EXPECT_THAT((*demo)->WaitForState(stage::v1::STATE_READY), IsOk());
    return *std::move(demo);
  }
  // Runs that end in each way there is, oldest first; the last goes on.
  std::unique_ptr<ServiceProcess> MakeHistory() const {
    auto ended = StartDemo("demo-ended");
    ended->process().Signal(SIGTERM);
    EXPECT_EQ(ended->process().Wait().value(), 0);
    StartDemo("demo-killed")->process().Signal(SIGKILL);
    std::vector<std::string> arguments = DemoArguments("demo-failed");
    arguments.insert(arguments.end(), {"--set", "unwanted_file=/nowhere/unwanted"});
    auto failed =
        ChildProcess::Start("services/demo/demo", arguments, folder_ + "/demo-failed.log");
    EXPECT_THAT(failed, IsOk());
    EXPECT_EQ((*failed)->Wait().value(), 1);
    return StartDemo("demo-runs");
  }

  const std::string folder_ =
      testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::string runs_ = folder_ + "/runlog";
};

TEST_F(RunlogCommandTest, ReadsTheFilesOfAllRuns) {
  const auto running = MakeHistory();

  Result result = Ctl({"list", "--dir", runs_, "--json"});
  ASSERT_EQ(result.exit_status, 0) << result.output;
  std::map<std::string, json> runs;
  const json list = json::parse(result.output);
  for (const json& run : list.at("runs")) runs[run.at("instance")] = run;
  ASSERT_EQ(runs.size(), 4) << result.output;
  EXPECT_EQ(runs["demo-ended"]["result"], "ok");
  EXPECT_EQ(runs["demo-killed"]["result"], "killed");
  EXPECT_EQ(runs["demo-failed"]["result"], "failed");
  EXPECT_EQ(runs["demo-failed"]["exit_status"], 1);
  EXPECT_THAT(runs["demo-failed"]["reason"].get<std::string>(), HasSubstr("/nowhere/unwanted"));
  EXPECT_EQ(runs["demo-runs"]["result"], "running");
  std::vector<std::string> marks;
  for (const json& mark : runs["demo-ended"]["marks"]) marks.push_back(mark.at("name"));
  EXPECT_THAT(marks, testing::ElementsAre("ready", "draining"));
  EXPECT_THAT(result.output, Not(HasSubstr("secret-like-text"))) << "of the configuration a digest";

  result = Ctl({"list", "--dir", runs_});
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("demo-killed"), HasSubstr("killed"), HasSubstr("running")));
  result = Ctl({"view", "--dir", runs_, "demo-failed"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("failed, exit status 1"), HasSubstr("service: cannot start error=")));
  result = Ctl({"dump", "--dir", runs_});
  EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 4);

  result = Ctl({"evaluate", "--dir", runs_, "--json"});
  ASSERT_EQ(result.exit_status, 0) << result.output;
  const json summary = json::parse(result.output).at("services").at(0);
  EXPECT_EQ(summary.at("service"), "demo");
  EXPECT_EQ(summary.at("runs"), 4);
  for (const char* way : {"ok", "killed", "failed", "running"})
    EXPECT_EQ(summary.at(way), 1) << way;
  EXPECT_EQ(summary.at("errors").at("service: cannot start"), 1);
  EXPECT_THAT(Ctl({"evaluate", "--dir", runs_}).output,
              HasSubstr("demo: error 1 times: service: cannot start"));
  EXPECT_EQ(Ctl({"list", "--dir", runs_, "nobody"}).exit_status, 2);
  EXPECT_EQ(Ctl({"list", "--dir", folder_ + "/nowhere"}).exit_status, 2);

  std::ofstream(runs_ + "/demo.20200101T000000Z.1.runlog") << "{";
  result = Ctl({"list", "--dir", runs_});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("is no run log"));
}

TEST_F(RunlogCommandTest, AsksWhatRuns) {
  auto demo = StartDemo("demo-1");
  stage::v1::DumpRunlogResponse own;
  grpc::ClientContext context;
  ASSERT_TRUE(demo->admin().DumpRunlog(&context, {}, &own).ok());
  EXPECT_EQ(own.runlog().instance(), "demo-1");
  EXPECT_EQ(own.runlog().result(), stage::v1::RUN_RESULT_RUNNING);
  EXPECT_EQ(own.runlog().marks(0).name(), "ready");

  const auto controller = ServiceProcess::Start(
      "services/controller/controller", folder_, "controller",
      {"--set", absl::StrCat("stages=[{\"name\": \"demo\", \"addresses\": [\"", demo->ports().admin,
                             "\", \"127.0.0.1:1\"]}]")});
  ASSERT_THAT(controller, IsOk());
  const std::string address = (*controller)->ports().admin;
  auto stub = controller::v1::Controller::NewStub((*controller)->channel());
  controller::v1::DumpRunlogResponse all;
  grpc::ClientContext second;
  ASSERT_TRUE(stub->DumpRunlog(&second, {}, &all).ok());
  ASSERT_EQ(all.instances_size(), 2);

  Result result = Ctl({"list", "--controller", address});
  EXPECT_EQ(result.exit_status, 1) << "one did not answer";
  EXPECT_THAT(result.output, AllOf(HasSubstr("demo-1"), HasSubstr("127.0.0.1:1:")));
  result = Ctl({"view", "--controller", address, "demo-1"});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("running"));
  result = Ctl({"evaluate", "--controller", address, "demo-1", "--json"});
  ASSERT_EQ(result.exit_status, 0) << result.output;
  EXPECT_EQ(json::parse(result.output).at("services").at(0).at("running"), 1);
}

}  // namespace
}  // namespace mentat
