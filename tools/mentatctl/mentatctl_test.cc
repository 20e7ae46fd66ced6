// mentatctl as people call it, against a real controller and a real stage.

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "common/service/testing/service_process.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mentat {
namespace {

using testing::HasSubstr;
using testing_support::ChildProcess;
using testing_support::ServiceProcess;

struct Result {
  int exit_status = -1;
  std::string output;
};

Result Ctl(const std::vector<std::string>& arguments) {
  const std::string output = testing::TempDir() + "/mentatctl.out";
  std::filesystem::remove(output);
  auto process = ChildProcess::Start("tools/mentatctl/mentatctl", arguments, output);
  EXPECT_THAT(process, IsOk());
  auto status = (*process)->Wait();
  EXPECT_THAT(status, IsOk());
  return {*status, (*process)->Output()};
}

class MentatctlTest : public testing::Test {
 protected:
  void SetUp() override {
    auto demo = ServiceProcess::Start("services/demo/demo", testing::TempDir(), "demo-1",
                                      {"--set", "pipeline.input.bind=tcp://127.0.0.1:*"});
    ASSERT_THAT(demo, IsOk());
    demo_ = *std::move(demo);
    ASSERT_THAT(demo_->WaitForState(stage::v1::STATE_READY), IsOk());
    auto controller =
        ServiceProcess::Start("services/controller/controller", testing::TempDir(), "controller",
                              {"--set",
                               absl::StrCat("stages=[{\"name\": \"demo\", \"addresses\": [\"",
                                            demo_->ports().admin, "\"]}]"),
                               "--set", absl::StrCat("state_dir=", testing::TempDir(), "/state")});
    ASSERT_THAT(controller, IsOk());
    controller_ = *std::move(controller);
    ::setenv("MENTATCTL_CONTROLLER", controller_->ports().admin.c_str(), 1);
  }

  std::unique_ptr<ServiceProcess> demo_;
  std::unique_ptr<ServiceProcess> controller_;
};

TEST_F(MentatctlTest, StatusSaysHowItIs) {
  Result result = Ctl({"status"});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("demo   demo-1    ready"));
  result = Ctl({"--controller", controller_->ports().admin, "status", "--json"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(nlohmann::json::parse(result.output)["stages"][0]["instances"][0]["pid"],
            demo_->process().pid());

  EXPECT_EQ(Ctl({"pause", "demo"}).exit_status, 0);
  ASSERT_THAT(demo_->WaitForState(stage::v1::STATE_PAUSED), IsOk());
  result = Ctl({"status"});
  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("paused"));
  EXPECT_EQ(Ctl({"resume", "demo-1"}).exit_status, 0);
  ASSERT_THAT(demo_->WaitForState(stage::v1::STATE_READY), IsOk());

  demo_->process().Signal(SIGKILL);
  EXPECT_EQ(demo_->process().Wait().value(), 128 + SIGKILL);
  result = Ctl({"status"});
  EXPECT_EQ(result.exit_status, 2) << result.output;
  EXPECT_THAT(result.output, HasSubstr("unreachable"));
  controller_->process().Signal(SIGKILL);
  EXPECT_EQ(controller_->process().Wait().value(), 128 + SIGKILL);
  result = Ctl({"status"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("the controller does not answer"));
}

TEST_F(MentatctlTest, SteersStagesByNameAndAddress) {
  EXPECT_EQ(Ctl({"reload", "demo"}).exit_status, 0);
  EXPECT_EQ(Ctl({"log-level", demo_->ports().admin, "debug"}).exit_status, 0);
  Result result = Ctl({"log-level", "demo", "loud"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("expected debug, info, warning or error"));
  result = Ctl({"pause", "inspector"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("the controller knows the stages demo"));
  EXPECT_EQ(Ctl({"drain", "demo"}).exit_status, 0);
  EXPECT_EQ(demo_->process().Wait().value(), 0);
}

TEST_F(MentatctlTest, HelpAndWrongArguments) {
  EXPECT_EQ(Ctl({"--help"}).exit_status, 0);
  EXPECT_EQ(Ctl({"--version"}).exit_status, 0);
  for (const char* command :
       {"status", "pause", "resume", "drain", "reload", "log-level", "keys", "idea", "filter"}) {
    const Result result = Ctl({command, "--help"});
    EXPECT_EQ(result.exit_status, 0) << command;
    EXPECT_THAT(result.output, HasSubstr("Example")) << command;
  }
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{},
                                             {"stauts"},
                                             {"status", "x"},
                                             {"pause"},
                                             {"log-level", "demo"},
                                             {"keys"},
                                             {"keys", "generate"},
                                             {"keys", "make", "a"},
                                             {"keys", "generate", "a", "--dir"},
                                             {"keys", "show", "--all"},
                                             {"idea"},
                                             {"idea", "chek"},
                                             {"filter"},
                                             {"filter", "a", "--count", "--value"},
                                             {"filter", "a", "--cases"},
                                             {"status", "--controller"}}) {
    EXPECT_EQ(Ctl(wrong).exit_status, 3);
  }
  EXPECT_THAT(Ctl({"stauts"}).output, HasSubstr("did you mean status?"));
}

// The commands that read events need no controller; their own tests look closer.
TEST(MentatctlEventsTest, ChecksAndFiltersWhatItReads) {
  const Result checked = Ctl({"idea", "check"});
  EXPECT_EQ(checked.exit_status, 0) << checked.output;
  EXPECT_EQ(Ctl({"filter", "Category =="}).exit_status, 2);
  const Result counted = Ctl({"filter", "Category == \"Test\"", "--count"});
  EXPECT_EQ(counted.exit_status, 0);
  EXPECT_THAT(counted.output, HasSubstr("0"));
}

}  // namespace
}  // namespace mentat
