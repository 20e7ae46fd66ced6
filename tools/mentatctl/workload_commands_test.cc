// The processes of a controller with the local driver.

#include "tools/mentatctl/workload_commands.h"

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "tools/mentatctl/ctl_fixture.h"

namespace mentat::mentatctl {
namespace {

using testing::HasSubstr;

class WorkloadTest : public CtlTest {
 protected:
  void StartWithDriver() {
    StartController(
        "[]",
        {"--set",
         absl::StrCat(R"(driver={"local": {"stop_on_exit": true, "state_dir": ")", folder(),
                      R"(/driver", "stages": [{"name": "demo", "program": "services/demo/demo", )",
                      R"("max_instances": 4, "arguments": ["--set", )",
                      R"("pipeline.input.bind=tcp://127.0.0.1:*"]}]}})")});
    has_controller_ = true;
  }

  // Asks until so many run.
  testing::AssertionResult WaitForRunning(int wanted) {
    Result result;
    for (int i = 0; i < 600; ++i) {
      result = Ctl({"workloads", "--json"});
      const nlohmann::json json = result.Json();
      if (json.is_object() && json["workloads"][0]["running_instances"] == wanted) {
        return testing::AssertionSuccess();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return testing::AssertionFailure() << result.out << result.err;
  }
};

TEST_F(WorkloadTest, ScaleStopStartRestart) {
  StartWithDriver();
  EXPECT_TRUE(WaitForRunning(1));
  Result result = Ctl({"scale", "demo", "2"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("STAGE  STATE"));
  EXPECT_TRUE(WaitForRunning(2));
  result = Ctl({"workloads"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("demo-2"));
  EXPECT_EQ(Ctl({"restart", "demo-2"}).exit_status, 0);
  result = Ctl({"stop", "demo", "--json"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.Json()["workloads"][0]["stopped"], true);
  EXPECT_TRUE(WaitForRunning(0));
  EXPECT_EQ(Ctl({"workloads"}).exit_status, 0) << "it is to be stopped";
  EXPECT_EQ(Ctl({"start", "--all"}).exit_status, 0);
  EXPECT_TRUE(WaitForRunning(2));

  result = Ctl({"scale", "demo", "5"});
  EXPECT_NE(result.exit_status, 0) << "max_instances is 4";
  EXPECT_THAT(result.err, HasSubstr("4"));
  EXPECT_EQ(Ctl({"stop"}).exit_status, 3);
  EXPECT_EQ(Ctl({"restart"}).exit_status, 3);
  EXPECT_EQ(Ctl({"scale", "demo", "many"}).exit_status, 3);
  EXPECT_EQ(Ctl({"restart", "inspector"}).exit_status, 2);
}

TEST_F(WorkloadTest, WithoutADriverItIsRefused) {
  StartDemos({"one"});
  const Result result = Ctl({"scale", "demo", "2"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("driver"));
}

}  // namespace
}  // namespace mentat::mentatctl
