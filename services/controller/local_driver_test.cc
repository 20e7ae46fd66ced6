// The local driver in a real controller, over real stages.

#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "common/service/testing/service_process.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mentat/controller/v1/controller.grpc.pb.h"
#include "nlohmann/json.hpp"

namespace mentat::controller {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::ChildProcess;
using testing_support::kPatience;
using testing_support::ServiceProcess;
using Json = nlohmann::json;
using Pids = std::set<pid_t>;

constexpr char kProgram[] = "services/controller/controller";

class LocalDriverTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(
        testing::TempDir(), "/",
        absl::StrReplaceAll(testing::UnitTest::GetInstance()->current_test_info()->name(),
                            {{"/", "-"}}));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  void TearDown() override {
    controller_.reset();
    for (const pid_t pid : Living()) ::kill(pid, SIGKILL);
  }

  // --- the installation ---

  static Json Demo(int instances) {
    return {{"name", "demo"},
            {"program", "services/demo/demo"},
            {"instances", instances},
            {"max_instances", 8},
            {"arguments", {"--set", "pipeline.input.bind=tcp://127.0.0.1:*"}}};
  }

  // A program in place of a stage; the folder of the test is its name for Living.
  Json Shell(const std::string& name, const std::string& script) const {
    return {{"name", name},
            {"program", "/bin/sh"},
            {"plain", true},
            {"arguments", {"-c", absl::StrCat(": ", folder_, "; ", script)}}};
  }

  void StartController(const std::vector<Json>& stages, const Json& more = Json::object()) {
    Json driver = {{"state_dir", folder_ + "/state"}, {"stages", stages}};
    driver.update(more);
    std::ofstream(folder_ + "/config.json")
        << Json({{"poll_seconds", 0.1}, {"driver", {{"local", driver}}}}).dump();
    StartController();
  }

  void StartController() {
    auto started = ServiceProcess::Start(kProgram, folder_, "controller",
                                         {"--config", folder_ + "/config.json"});
    ASSERT_THAT(started, IsOk());
    controller_ = *std::move(started);
    stub_ = v1::Controller::NewStub(controller_->channel());
  }

  void KillController() {
    controller_->process().Signal(SIGKILL);
    ASSERT_EQ(controller_->process().Wait().value(), 128 + SIGKILL);
  }

  // The living processes of this test, controllers left out, as the kernel knows them.
  Pids Living() const {
    Pids found;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream in(entry.path() / "cmdline");
      const std::string command(std::istreambuf_iterator<char>(in), {});
      if (command.find(folder_ + "/") == std::string::npos &&
          command.find(folder_ + ";") == std::string::npos) {
        continue;
      }
      if (command.starts_with(kProgram)) continue;
      found.insert(std::stoi(name));
    }
    return found;
  }

  // --- calls ---

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::Controller::Stub::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kPatience));
    return (*stub_.*method)(&context, request, &response);
  }

  grpc::Status Scale(const std::string& stage, uint32_t instances) {
    v1::ScaleRequest request;
    request.set_stage(stage);
    request.set_instances(instances);
    v1::ScaleResponse response;
    grpc::Status status = Call(&v1::Controller::Stub::Scale, request, response);
    EXPECT_EQ(response.workload().wanted_instances(), status.ok() ? instances : 0);
    return status;
  }

  grpc::Status Restart(const std::vector<std::string>& stages,
                       const std::vector<std::string>& instances = {}) {
    v1::RestartRequest request;
    for (const std::string& stage : stages) request.mutable_selection()->add_stages(stage);
    for (const std::string& name : instances) request.mutable_selection()->add_instances(name);
    v1::RestartResponse response;
    return Call(&v1::Controller::Stub::Restart, request, response);
  }

  grpc::Status Stop(const std::vector<std::string>& stages = {}) {
    v1::StopRequest request;
    for (const std::string& stage : stages) request.add_stages(stage);
    v1::StopResponse response;
    return Call(&v1::Controller::Stub::Stop, request, response);
  }

  grpc::Status StartStages(const std::vector<std::string>& stages = {}) {
    v1::StartRequest request;
    for (const std::string& stage : stages) request.add_stages(stage);
    v1::StartResponse response;
    return Call(&v1::Controller::Stub::Start, request, response);
  }

  v1::Workload Workload(const std::string& stage) {
    v1::ListWorkloadsRequest request;
    request.add_stages(stage);
    v1::ListWorkloadsResponse response;
    const grpc::Status status = Call(&v1::Controller::Stub::ListWorkloads, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.workloads_size() == 1 ? response.workloads(0) : v1::Workload();
  }

  // --- waiting ---

  // Asks again and again; what is asked is an answer of the controller, which takes its time.
  bool WaitFor(const std::function<bool()>& condition) const {
    const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kPatience);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }

  static Pids PidsOf(const v1::Workload& workload) {
    Pids pids;
    for (const v1::WorkloadProcess& process : workload.processes()) {
      if (process.pid() != 0) pids.insert(process.pid());
    }
    return pids;
  }

  bool IsUp(const v1::WorkloadProcess& process) const {
    if (process.pid() == 0 || process.stopping()) return false;
    const auto ports =
        service::ReadPortsFile(absl::StrCat(folder_, "/state/ports/", process.instance(), ".json"));
    return ports.ok() && ports->pid == process.pid();
  }

  // Until exactly as many instances as are wanted are up, and nothing else is there: their
  // processes.
  Pids Converge(uint32_t count) {
    v1::Workload workload;
    const bool done = WaitFor([&] {
      workload = Workload("demo");
      return workload.processes_size() == static_cast<int>(count) &&
             std::all_of(workload.processes().begin(), workload.processes().end(),
                         [&](const auto& each) { return IsUp(each); }) &&
             Living().size() == count;
    });
    EXPECT_TRUE(done) << workload.DebugString() << controller_->process().Output();
    EXPECT_EQ(Living(), PidsOf(workload));
    return PidsOf(workload);
  }

  std::string folder_;
  std::unique_ptr<ServiceProcess> controller_;
  std::unique_ptr<v1::Controller::Stub> stub_;
};

TEST_F(LocalDriverTest, StartsAgainWhatDies) {
  StartController({Demo(2)});
  const Pids before = Converge(2);
  ::kill(*before.begin(), SIGKILL);
  ASSERT_TRUE(WaitFor([&] { return Workload("demo").restarts() == 1; }));
  const Pids after = Converge(2);
  EXPECT_FALSE(after.contains(*before.begin()));
  EXPECT_TRUE(after.contains(*before.rbegin()));
  EXPECT_EQ(Workload("demo").last_exit(), "killed by SIGKILL");
}

TEST_F(LocalDriverTest, ScalesUpAndDownAndRemembersIt) {
  StartController({Demo(1)});
  const Pids one = Converge(1);
  ASSERT_TRUE(Scale("demo", 4).ok());
  const Pids four = Converge(4);
  EXPECT_TRUE(four.contains(*one.begin()));
  EXPECT_TRUE(fs::exists(folder_ + "/state/ports/demo-4.json"));
  ASSERT_TRUE(Scale("demo", 2).ok());
  const Pids two = Converge(2);
  EXPECT_TRUE(two.contains(*one.begin()));
  EXPECT_FALSE(fs::exists(folder_ + "/state/ports/demo-4.json"));
  KillController();
  StartController();
  EXPECT_EQ(Converge(2), two);
  ASSERT_TRUE(Scale("demo", 0).ok());
  Converge(0);
}

TEST_F(LocalDriverTest, AnotherNumberInTheConfigurationIsTheLastWord) {
  StartController({Demo(1)});
  Converge(1);
  ASSERT_TRUE(Scale("demo", 3).ok());
  Converge(3);
  KillController();
  StartController({Demo(2)});
  EXPECT_EQ(Workload("demo").wanted_instances(), 2);
  Converge(2);
  ASSERT_TRUE(Scale("demo", 4).ok());
  KillController();
  StartController({Demo(2)});
  EXPECT_EQ(Workload("demo").wanted_instances(), 4);
}

// A program that writes a ports file once, and is told from its successor by it.
TEST_F(LocalDriverTest, ThePlaceOfWhatHasDiedIsKeptWhereItWillBeBack) {
  const std::string ports = folder_ + "/state/ports/";
  const auto writes_once = [&](const std::string& name) {
    const std::string file = ports + name + ".json";
    return Shell(name,
                 absl::StrCat("[ -e ", folder_, "/", name, " ] || echo {} > ", file, "; touch ",
                              folder_, "/", name, "; exec tail -f ", folder_, "/", name));
  };
  Json fixed = writes_once("fixed");
  fixed["fixed_ports"] = true;
  StartController({fixed, writes_once("free")});
  const auto pid = [&](const std::string& name) {
    const v1::Workload workload = Workload(name);
    return workload.processes_size() == 1 ? workload.processes(0).pid() : 0;
  };
  for (const std::string name : {"fixed", "free"}) {
    ASSERT_TRUE(WaitFor([&] { return fs::exists(folder_ + "/" + name); }));
    ::kill(pid(name), SIGKILL);
    ASSERT_TRUE(WaitFor([&] { return Workload(name).restarts() == 1 && pid(name) != 0; }));
  }
  EXPECT_TRUE(fs::exists(ports + "fixed.json"));
  EXPECT_FALSE(fs::exists(ports + "free.json"));

  // It is not wanted any more, or has died with the controller.
  ASSERT_TRUE(Stop({"fixed"}).ok());
  EXPECT_TRUE(WaitFor([&] { return !fs::exists(ports + "fixed.json"); }));
  KillController();
  std::ofstream(ports + "fixed-3.json") << "{}";
  std::ofstream(ports + "other.json") << "{}";
  StartController();
  EXPECT_TRUE(WaitFor([&] { return !fs::exists(ports + "fixed-3.json"); }));
  EXPECT_TRUE(fs::exists(ports + "other.json"));
}

TEST_F(LocalDriverTest, WhatIsStoppedStaysSo) {
  StartController({Demo(2)});
  Converge(2);
  ASSERT_TRUE(Stop({"demo"}).ok());
  EXPECT_TRUE(Workload("demo").stopped());
  Converge(0);
  KillController();
  StartController();
  Converge(0);
  EXPECT_EQ(Workload("demo").wanted_instances(), 2);
  ASSERT_TRUE(StartStages().ok());
  Converge(2);
}

TEST_F(LocalDriverTest, SurvivorsAreTakenOverAndTheDeadReplaced) {
  StartController({Demo(3)});
  const Pids before = Converge(3);
  KillController();
  EXPECT_EQ(Living(), before);
  ::kill(*before.begin(), SIGKILL);
  StartController();
  const Pids after = Converge(3);
  EXPECT_TRUE(after.contains(*before.rbegin()));
  EXPECT_FALSE(after.contains(*before.begin()));
  // Those that it has not started itself are watched as well.
  ::kill(*before.rbegin(), SIGKILL);
  ASSERT_TRUE(WaitFor([&] { return Workload("demo").restarts() == 1; }));
  Converge(3);
}

TEST_F(LocalDriverTest, RestartReplacesOneAfterTheOther) {
  StartController({Demo(3)});
  const Pids before = Converge(3);
  ASSERT_TRUE(Restart({"demo"}).ok());
  int least = 3;
  ASSERT_TRUE(WaitFor([&] {
    const v1::Workload workload = Workload("demo");
    int up = 0;
    bool old = false;
    for (const v1::WorkloadProcess& process : workload.processes()) {
      up += process.pid() != 0 && !process.stopping() ? 1 : 0;
      old |= before.contains(process.pid());
    }
    least = std::min(least, up);
    return !old && workload.running_instances() == 3;
  }));
  EXPECT_GE(least, 2);
  const Pids after = Converge(3);
  EXPECT_EQ(Workload("demo").restarts(), 0) << "what was asked for is no death";

  ASSERT_TRUE(Restart({}, {"demo-2"}).ok());
  ASSERT_TRUE(WaitFor([&] {
    const v1::Workload workload = Workload("demo");
    return IsUp(workload.processes(1)) && !after.contains(workload.processes(1).pid());
  }));
  const v1::Workload workload = Workload("demo");
  EXPECT_TRUE(after.contains(workload.processes(0).pid()));
  EXPECT_TRUE(after.contains(workload.processes(2).pid()));
}

TEST_F(LocalDriverTest, ARestartIntoABrokenConfigurationTakesOneInstanceDown) {
  const std::string file = folder_ + "/demo.json";
  const std::string good = R"({"pipeline": {"input": {"bind": "tcp://127.0.0.1:*"}}})";
  std::ofstream(file) << good;
  Json demo = Demo(3);
  demo["arguments"] = {"--config", file};
  StartController({demo}, {{"longest_delay_seconds", 0.2}});
  const Pids before = Converge(3);
  std::ofstream(file) << "{\"pipelin\": 1}";
  ASSERT_TRUE(Restart({"demo"}).ok());
  ASSERT_TRUE(WaitFor([&] { return Workload("demo").restarts() >= 3; }));
  EXPECT_EQ(Workload("demo").last_exit(), "exit status 2");
  EXPECT_EQ(Living(), Pids(std::next(before.begin()), before.end()));
  std::ofstream(file) << good;
  ASSERT_TRUE(WaitFor([&] {
    const Pids now = Living();
    return std::none_of(before.begin(), before.end(), [&](pid_t pid) { return now.contains(pid); });
  }));
  Converge(3);
}

// The heart of it: whatever the controller was about to do when it was killed, the next one gets
// there.
TEST_F(LocalDriverTest, KilledAtAnyMomentItLeavesNoOrphanAndNoDouble) {
  StartController({Demo(2)});
  uint32_t wanted = 2;
  bool stopped = false;
  // --gtest_random_seed tries others.
  const uint32_t first = 1 + static_cast<uint32_t>(GTEST_FLAG_GET(random_seed));
  for (uint32_t seed = first; seed < first + 24; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937 random(seed);
    const uint32_t count = random() % 6;
    const uint32_t what = random() % 8;
    if (what < 5) {
      ASSERT_TRUE(Scale("demo", count).ok());
      wanted = count;
    } else if (what < 7) {
      ASSERT_TRUE(Restart({"demo"}).ok());
    } else if (stopped) {
      ASSERT_TRUE(StartStages().ok());
      stopped = false;
    } else {
      ASSERT_TRUE(Stop().ok());
      stopped = true;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
    KillController();
    StartController();
    // Not always: what is left over from one round is to be found by the next.
    if (random() % 3 == 0) Converge(stopped ? 0 : wanted);
  }
  ASSERT_TRUE(StartStages().ok());
  Converge(wanted);
  ASSERT_TRUE(Scale("demo", 3).ok());
  Converge(3);
}

TEST_F(LocalDriverTest, ARestartThatWasCutShortIsFinished) {
  StartController({Demo(4)});
  const Pids before = Converge(4);
  ASSERT_TRUE(Restart({"demo"}).ok());
  ASSERT_TRUE(WaitFor([&] { return !Living().contains(*before.begin()); }));
  KillController();
  StartController();
  ASSERT_TRUE(WaitFor([&] {
    const Pids now = Living();
    return std::none_of(before.begin(), before.end(), [&](pid_t pid) { return now.contains(pid); });
  }));
  Converge(4);
}

TEST_F(LocalDriverTest, WhatDoesNotEndInTimeIsKilled) {
  Json stubborn = Shell("stubborn", "trap '' TERM; while true; do sleep 0.05; done");
  stubborn["grace_seconds"] = 0.2;
  StartController({stubborn});
  ASSERT_TRUE(WaitFor([&] { return Workload("stubborn").running_instances() == 1; }));
  ASSERT_TRUE(WaitFor([&] { return !Living().empty(); }));
  ASSERT_TRUE(Stop().ok());
  EXPECT_TRUE(WaitFor([&] { return Workload("stubborn").running_instances() == 0; }));
}

TEST_F(LocalDriverTest, StagesEndInTheOrderOfTheFlow) {
  const std::string log = folder_ + "/order";
  const auto stage = [&](const std::string& name) {
    return Shell(name, absl::StrCat("trap 'echo ", name, " >>", log, "; exit 0' TERM; echo >>", log,
                                    ".up; while true; do sleep 0.05; done"));
  };
  StartController({stage("first"), stage("second"), stage("third")});
  const auto read = [](const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  ASSERT_TRUE(WaitFor([&] { return read(log + ".up") == "\n\n\n"; }));
  ASSERT_TRUE(Stop().ok());
  ASSERT_TRUE(WaitFor([&] { return Workload("third").running_instances() == 0; }));
  EXPECT_EQ(read(log), "first\nsecond\nthird\n");
}

TEST_F(LocalDriverTest, AStageThatIsNoLongerConfiguredIsEnded) {
  StartController({Demo(2), Shell("other", "while true; do sleep 0.05; done")});
  ASSERT_TRUE(WaitFor([&] { return Living().size() == 3; }));
  KillController();
  StartController({Demo(2)});
  Converge(2);
  EXPECT_FALSE(StartStages({"other"}).ok());
}

TEST_F(LocalDriverTest, EndsWhatItStartedOnlyWhereItIsToldTo) {
  StartController({Demo(2)});
  const Pids pids = Converge(2);
  controller_->process().Signal(SIGTERM);
  EXPECT_EQ(controller_->process().Wait().value(), 0);
  EXPECT_EQ(Living(), pids);
  StartController({Demo(2)}, {{"stop_on_exit", true}});
  EXPECT_EQ(Converge(2), pids);
  controller_->process().Signal(SIGTERM);
  EXPECT_EQ(controller_->process().Wait().value(), 0);
  EXPECT_THAT(Living(), IsEmpty());
}

TEST_F(LocalDriverTest, OneControllerAFolder) {
  StartController({Demo(1)});
  Converge(1);
  auto second = ChildProcess::Start(kProgram, {"--config", folder_ + "/config.json"},
                                    folder_ + "/second.out");
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ((*second)->Wait().value(), 1);
  EXPECT_THAT((*second)->Output(),
              HasSubstr(absl::StrCat("locked by process ", controller_->process().pid())));
  Converge(1);
}

TEST_F(LocalDriverTest, RefusesWhatMakesNoSense) {
  StartController({Demo(1)});
  EXPECT_EQ(Scale("demo", 9).error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_THAT(Scale("demo", 9).error_message(), HasSubstr("max_instances"));
  EXPECT_EQ(Scale("demos", 1).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Scale("", 1).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Stop({"demo", "other"}).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Restart({}, {"demo-2"}).error_code(), grpc::StatusCode::NOT_FOUND);
  Converge(1);
}

TEST_F(LocalDriverTest, WithoutADriverTheCallsSayWhatIsMissing) {
  std::ofstream(folder_ + "/config.json") << "{}";
  StartController();
  const grpc::Status status = Scale("demo", 1);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("driver.local"));
}

TEST_F(LocalDriverTest, SaysWhatIsWrongWithItsConfiguration) {
  Json other = Demo(1);
  other["name"] = "demo-2";
  for (const auto& [stages, message] : std::vector<std::pair<Json, std::string>>{
           {Json::array({Demo(1), other}), "demo-2 is the name of an instance of demo"},
           {Json::array({Demo(1), Demo(1)}), "demo is the name of an instance of demo"},
           {Json::array({{{"name", "a/b"}, {"program", "/x"}}}), "cannot be the name of a file"},
           {Json::array({{{"name", "a"}, {"program", "x"}}}), "expected a path"},
           {Json::array({Demo(9)}), "more than max_instances"}}) {
    std::ofstream(folder_ + "/config.json")
        << Json({{"driver", {{"local", {{"state_dir", folder_ + "/s"}, {"stages", stages}}}}}})
               .dump();
    auto process = ChildProcess::Start(kProgram, {"--config", folder_ + "/config.json"},
                                       folder_ + "/refused.out");
    ASSERT_THAT(process, IsOk());
    EXPECT_EQ((*process)->Wait().value(), 1);
    EXPECT_THAT((*process)->Output(), HasSubstr(message));
  }
}

// --- under load ----------------------------------------------------------------------------------

// Puts events into a directory queue until it is told to stop, and some at the least.
class Feeder {
 public:
  static constexpr size_t kLeast = 1000;

  explicit Feeder(fs::path queue)
      : queue_(std::move(queue)), thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested() || names_.size() < kLeast) {
            const std::string id = absl::StrCat("event-", names_.size());
            std::ofstream(queue_ / "tmp" / id)
                << R"({"Format":"IDEA0","ID":")" << id
                << R"(","DetectTime":"2024-03-05T15:52:22Z","Category":["Test"]})";
            fs::rename(queue_ / "tmp" / id, queue_ / "incoming" / id);
            names_.insert(id + ".idea");
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}

  // Names of the files that have to come out.
  std::set<std::string> Stop() {
    thread_.request_stop();
    thread_.join();
    return names_;
  }

 private:
  const fs::path queue_;
  std::set<std::string> names_;
  std::jthread thread_;
};

std::set<std::string> Names(const fs::path& folder) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename());
  }
  return names;
}

class LocalDriverLoadTest : public LocalDriverTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    LocalDriverTest::SetUp();
    for (const char* name : {"in/incoming", "in/pending", "in/tmp", "in/errors", "out/incoming"}) {
      fs::create_directories(fs::path(folder_) / name);
    }
    if (!GetParam()) return;
    auto keys = ChildProcess::Start(
        "tools/mentatctl/mentatctl",
        {"keys", "generate", "source", "demo", "sink", "--dir", folder_}, folder_ + "/keys.out");
    ASSERT_THAT(keys, IsOk());
    ASSERT_EQ((*keys)->Wait().value(), 0) << (*keys)->Output();
  }

  // A stage between two others, those that are not empty; peers are found by service.
  Json Stage(const std::string& name, const std::string& program, std::vector<std::string> sets,
             const std::string& before, const std::string& after,
             const std::string& after_service) const {
    const auto key = [&](const std::string& of) { return absl::StrCat(folder_, "/", of, ".key"); };
    Json pipeline;
    if (!before.empty()) pipeline["input"]["bind"] = "tcp://127.0.0.1:*";
    if (!after.empty()) {
      pipeline["outputs"]["default"] = {
          {"peers", {absl::StrCat("ports://", folder_, "/state/ports/", after_service)}},
          {"resolve_seconds", 0.1}};
    }
    if (GetParam()) {
      // All instances of a stage have one key.
      pipeline["curve"]["secret_key_file"] = key(name) + "_secret";
      if (!before.empty()) pipeline["input"]["allowed_keys"] = {key(before)};
      if (!after.empty()) pipeline["outputs"]["default"]["allowed_keys"] = {key(after)};
    }
    Json arguments = Json::array();
    sets.push_back("pipeline=" + pipeline.dump());
    for (const std::string& set : sets) {
      arguments.push_back("--set");
      arguments.push_back(set);
    }
    return {{"name", name}, {"program", program}, {"arguments", arguments}};
  }
};

TEST_P(LocalDriverLoadTest, ScalingUnderLoadLosesNothing) {
  const std::string filer = "services/filer_gateway/filer_gateway";
  const Json source =
      Stage("source", filer, {absl::StrCat("queue=", folder_, "/in"), "rescan_seconds=0.2"}, "",
            "demo", "demo");
  const Json demo = Stage("demo", "services/demo/demo", {}, "source", "sink", "filer_gateway");
  const Json sink =
      Stage("sink", filer,
            {absl::StrCat("queue=", folder_, "/out"), "direction=out", "max_waiting_files=0"},
            "demo", "", "");
  StartController({source, demo, sink});
  Feeder feeder(folder_ + "/in");
  // Instances of demo that have taken events.
  const auto busy = [&] {
    v1::GetStatusRequest request;
    request.add_stages("demo");
    v1::GetStatusResponse response;
    EXPECT_TRUE(Call(&v1::Controller::Stub::GetStatus, request, response).ok());
    int count = 0;
    if (response.stages_size() == 0) return count;
    for (const v1::InstanceStatus& each : response.stages(0).instances()) {
      if (each.reachability() != v1::REACHABILITY_ANSWERED) continue;
      count += each.status().ledger().received() > 0 ? 1 : 0;
    }
    return count;
  };
  const auto running = [&](uint32_t count) {
    const v1::Workload workload = Workload("demo");
    return workload.running_instances() == count && IsUp(workload.processes(0));
  };
  ASSERT_TRUE(WaitFor([&] { return busy() == 1; })) << controller_->process().Output();
  ASSERT_TRUE(Scale("demo", 3).ok());
  EXPECT_TRUE(WaitFor([&] { return busy() == 3; })) << "the source has not learned of its peers";
  ASSERT_TRUE(Scale("demo", 1).ok());
  EXPECT_TRUE(WaitFor([&] { return running(1); }));
  ASSERT_TRUE(Scale("demo", 2).ok());
  EXPECT_TRUE(WaitFor([&] { return busy() == 2; }));
  ASSERT_TRUE(Restart({"demo"}).ok());
  KillController();
  StartController();
  EXPECT_TRUE(WaitFor([&] { return running(2); }));
  const std::set<std::string> expected = feeder.Stop();
  EXPECT_TRUE(WaitFor([&] {
    return Names(folder_ + "/in/incoming").empty() && Names(folder_ + "/in/pending").empty();
  }));
  EXPECT_EQ(Names(folder_ + "/out/incoming"), expected);
}

INSTANTIATE_TEST_SUITE_P(PlainAndEncrypted, LocalDriverLoadTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Encrypted" : "Plain"; });

}  // namespace
}  // namespace mentat::controller
