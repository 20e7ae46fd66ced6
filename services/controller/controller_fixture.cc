#include "services/controller/controller_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "grpcpp/grpcpp.h"

namespace mentat::controller {

using testing_support::ServiceProcess;

namespace {

constexpr char kProgram[] = "services/controller/controller";
constexpr char kDemo[] = "services/demo/demo";

}  // namespace

void ControllerTest::SetUp() {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  folder_ = absl::StrCat(testing::TempDir(), "/", test.name());
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directories(folder_ + "/ports");
}

ControllerTest::Process ControllerTest::StartDemo(const std::string& name,
                                                  const Arguments& arguments,
                                                  stage::v1::State state) {
  Arguments all = {"--set", "pipeline.input.bind=tcp://127.0.0.1:*"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  auto demo = ServiceProcess::Start(kDemo, folder_ + "/ports", name, all);
  EXPECT_THAT(demo, IsOk());
  EXPECT_THAT((*demo)->WaitForState(state), IsOk());
  return *std::move(demo);
}

void ControllerTest::Freeze(Process& process) {
  process->process().Signal(SIGSTOP);
  siginfo_t info = {};
  ASSERT_EQ(::waitid(P_PID, process->process().pid(), &info, WSTOPPED), 0);
}

void ControllerTest::StartController(const std::string& stages, const Arguments& arguments) {
  Arguments all = {"--set", "stages=" + stages,      "--set", "poll_seconds=3600",
                   "--set", "call_timeout_seconds=5"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  auto started = ServiceProcess::Start(kProgram, folder_, "controller", all);
  ASSERT_THAT(started, IsOk());
  controller_ = *std::move(started);
  stub_ = v1::Controller::NewStub(controller_->channel());
}

void ControllerTest::StopController() { controller_ = nullptr; }

void ControllerTest::SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() +
                       absl::ToChronoSeconds(testing_support::kPatience));
}

v1::GetStatusResponse ControllerTest::Status(const std::vector<std::string>& stages) {
  v1::GetStatusRequest request;
  for (const std::string& stage : stages) request.add_stages(stage);
  return Call(&v1::Controller::Stub::GetStatus, request);
}

std::string Stage(const std::string& name, const std::vector<std::string>& addresses) {
  const auto quote = [](std::string* out, const std::string& text) {
    absl::StrAppend(out, "\"", text, "\"");
  };
  return absl::StrCat("{\"name\": \"", name, "\", \"addresses\": [",
                      absl::StrJoin(addresses, ", ", quote), "]}");
}

std::string Stages(const std::vector<std::string>& stages) {
  return absl::StrCat("[", absl::StrJoin(stages, ", "), "]");
}

}  // namespace mentat::controller
