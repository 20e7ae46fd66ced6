// The Kubernetes driver against a server that stands in for Kubernetes' own: TLS, tokens, rules,
// conflicts and failures as a real one has them. A real cluster is not to be had where these tests
// run.

#include "services/controller/kubernetes_driver.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "prometheus/registry.h"

namespace mentat::controller {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::ChildProcess;
using Json = nlohmann::json;

constexpr char kInspector[] = "mentat/deployments/inspector";
constexpr char kStorage[] = "mentat/statefulsets/mentat-storage";

class KubernetesDriverTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name(), "/");
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Write("token", "secret-one\n");
    Write("mine", "secret-one\n");
    Write("namespace", "mentat");
    Write("objects.json",
          Json({{kInspector,
                 {{"metadata", {{"name", "inspector"}, {"resourceVersion", "10"}}},
                  {"spec", {{"replicas", 3}, {"template", {{"spec", {{"containers", 1}}}}}}},
                  {"status", {{"readyReplicas", 2}}}}},
                {kStorage,
                 {{"metadata", {{"name", "mentat-storage"}, {"resourceVersion", "20"}}},
                  {"spec", {{"replicas", 1}}},
                  {"status", Json::object()}}}})
              .dump());
    Write("rules.json", R"([["get", "deployments"], ["patch", "deployments"],
                            ["patch", "deployments/scale"], ["get", "statefulsets"],
                            ["patch", "statefulsets"], ["patch", "statefulsets/scale"]])");
    auto server = ChildProcess::Start("services/controller/testing/api_server.py", {folder_},
                                      folder_ + "server.out");
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    ASSERT_THAT(testing_support::WaitForFile(folder_ + "url"), IsOk()) << server_->Output();
    config_.set_api_url(Read("url"));
    config_.set_token_file(folder_ + "mine");
    config_.set_ca_file(folder_ + "ca.crt");
    config_.set_namespace_file(folder_ + "namespace");
    config_.set_request_timeout_seconds(20);
    config_.set_retry_seconds(20);
    auto* inspector = config_.add_stages();
    inspector->set_name("inspector");
    inspector->set_kind("deployment");
    inspector->set_max_instances(8);
    auto* storage = config_.add_stages();
    storage->set_name("storage");
    storage->set_workload("mentat-storage");
    storage->set_kind("statefulset");
    storage->set_max_instances(4);
  }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + name) << text;
  }
  std::string Read(const std::string& name) const {
    std::ifstream in(folder_ + name);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  std::unique_ptr<Driver> MakeDriver() const {
    auto driver = KubernetesDriver::Create(config_, log::Logger::Null());
    EXPECT_THAT(driver, IsOk());
    return *std::move(driver);
  }

  Json Object(const std::string& key) const { return Json::parse(Read("objects.json"))[key]; }

  // `verb path` of each request, with the common beginning of the paths left out.
  std::vector<std::string> Requests() const {
    std::vector<std::string> requests;
    std::ifstream in(folder_ + "requests.jsonl");
    for (std::string line; std::getline(in, line);) {
      const Json request = Json::parse(line);
      const std::string path = request["path"].get<std::string>();
      const std::string head = "/apis/apps/v1/namespaces/mentat/";
      EXPECT_TRUE(path.starts_with(head)) << path;
      requests.push_back(
          absl::StrCat(request["verb"].get<std::string>(), " ", path.substr(head.size())));
      EXPECT_EQ(request["accept"], "application/json");
    }
    return requests;
  }

  std::string folder_;  // with a slash at the end
  std::unique_ptr<ChildProcess> server_;
  config::v1::KubernetesDriverConfig config_;
};

TEST_F(KubernetesDriverTest, TellsWhatIsWantedAndWhatRuns) {
  const auto workloads = MakeDriver()->List({});
  ASSERT_THAT(workloads, IsOk());
  ASSERT_EQ(workloads->size(), 2);
  EXPECT_EQ(workloads->at(0).stage(), "inspector");
  EXPECT_EQ(workloads->at(0).wanted_instances(), 3);
  EXPECT_EQ(workloads->at(0).running_instances(), 2);
  EXPECT_FALSE(workloads->at(0).stopped());
  EXPECT_EQ(workloads->at(1).stage(), "storage");
  EXPECT_EQ(workloads->at(1).running_instances(), 0);
  EXPECT_THAT(Requests(),
              ElementsAre("get deployments/inspector", "get statefulsets/mentat-storage"));
}

TEST_F(KubernetesDriverTest, ScalesByTheScaleOfTheWorkload) {
  const auto workloads = MakeDriver()->Scale("storage", 4);
  ASSERT_THAT(workloads, IsOk());
  EXPECT_EQ(workloads->front().wanted_instances(), 4);
  EXPECT_EQ(Object(kStorage)["spec"]["replicas"], 4);
  EXPECT_THAT(Requests(), ElementsAre("get statefulsets/mentat-storage",
                                      "patch statefulsets/mentat-storage/scale"));
}

TEST_F(KubernetesDriverTest, AStoppedStageRemembersItsReplicas) {
  const auto driver = MakeDriver();
  auto workloads = driver->Stop({"inspector"});
  ASSERT_THAT(workloads, IsOk());
  EXPECT_TRUE(workloads->front().stopped());
  EXPECT_EQ(workloads->front().wanted_instances(), 3);
  EXPECT_EQ(Object(kInspector)["spec"]["replicas"], 0);
  EXPECT_THAT(driver->Stop({"inspector"}), IsOk());
  EXPECT_EQ(Object(kInspector)["metadata"]["annotations"]["mentat.cesnet.cz/stopped-replicas"], "3")
      << "a second stop must not remember the 0 of the first";
  EXPECT_EQ(Object(kStorage)["spec"]["replicas"], 1);

  ASSERT_THAT(driver->Scale("inspector", 5), IsOk());
  EXPECT_EQ(Object(kInspector)["spec"]["replicas"], 0) << "scaling starts nothing";
  workloads = driver->Start({});
  ASSERT_THAT(workloads, IsOk());
  EXPECT_FALSE(workloads->front().stopped());
  EXPECT_EQ(Object(kInspector)["spec"]["replicas"], 5);
  EXPECT_THAT(Object(kInspector)["metadata"]["annotations"], IsEmpty());
  EXPECT_EQ(Object(kStorage)["spec"]["replicas"], 1);
}

TEST_F(KubernetesDriverTest, RestartsAsKubectlDoes) {
  const auto driver = MakeDriver();
  v1::Selection selection;
  selection.add_stages("inspector");
  ASSERT_THAT(driver->Restart(selection), IsOk());
  const Json spec = Object(kInspector)["spec"];
  const std::string time =
      spec["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"];
  EXPECT_THAT(time, testing::MatchesRegex("20..-..-..T..:..:...*"));
  EXPECT_EQ(spec["template"]["spec"]["containers"], 1);
  EXPECT_EQ(spec["replicas"], 3);
  selection.add_instances("inspector-1");
  EXPECT_THAT(driver->Restart(selection),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("whole stages")));
}

TEST_F(KubernetesDriverTest, WhatSomebodyElseChangedIsLookedAtAgain) {
  Write("faults.json", R"([{}, {"change": true}])");
  ASSERT_THAT(MakeDriver()->Stop({"inspector"}), IsOk());
  EXPECT_THAT(Requests(), ElementsAre("get deployments/inspector", "patch deployments/inspector",
                                      "get deployments/inspector", "patch deployments/inspector"));
  EXPECT_EQ(Object(kInspector)["spec"]["replicas"], 0);
  Write("faults.json", std::string(R"([{}, {"change": true}, {}, {"change": true}, {},
      {"change": true}, {}, {"change": true}, {}, {"change": true}])"));
  EXPECT_THAT(MakeDriver()->Stop({"storage"}),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("has been modified")));
}

TEST_F(KubernetesDriverTest, WhatIsForbiddenIsSaidInTheServersWords) {
  Write("rules.json", R"([["get", "deployments"]])");
  EXPECT_THAT(MakeDriver()->Scale("inspector", 1),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("inspector: Kubernetes (403)"),
                             HasSubstr("cannot patch resource \"deployments/scale\""))));
  EXPECT_THAT(Requests(),
              ElementsAre("get deployments/inspector", "patch deployments/inspector/scale"))
      << "what is forbidden is not tried again";
}

TEST_F(KubernetesDriverTest, WhatPassesIsTriedAgain) {
  Write("faults.json", R"([{"status": 500}, {"status": 503}, {"status": 429, "retry_after": 1}, {},
                           {"status": 502}])");
  const absl::Time before = absl::Now();
  ASSERT_THAT(MakeDriver()->Scale("inspector", 7), IsOk());
  EXPECT_GE(absl::Now() - before, absl::Seconds(1)) << "the server's Retry-After counts";
  EXPECT_EQ(Object(kInspector)["spec"]["replicas"], 7);
  EXPECT_EQ(Requests().size(), 6);
}

TEST_F(KubernetesDriverTest, ARequestThatHangsIsMadeAgain) {
  config_.set_request_timeout_seconds(1);
  Write("faults.json", R"([{"hang": 30}])");
  ASSERT_THAT(MakeDriver()->Scale("inspector", 7), IsOk());
  EXPECT_EQ(Object(kInspector)["spec"]["replicas"], 7);
}

TEST_F(KubernetesDriverTest, APatienceThatEndsIsAnError) {
  config_.set_retry_seconds(0);
  Write("faults.json", R"([{"status": 503}])");
  EXPECT_THAT(MakeDriver()->List({"inspector"}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("this is a fault")));
}

TEST_F(KubernetesDriverTest, TheEndOfTheControllerEndsTheRetries) {
  config_.set_retry_seconds(3600);
  config_.set_api_url("https://127.0.0.1:1");
  const auto driver = MakeDriver();
  std::jthread run([&](std::stop_token stop) { driver->Run(stop); });
  std::jthread call([&] {
    EXPECT_THAT(driver->List({"inspector"}),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("127.0.0.1:1")));
  });
  run.request_stop();
  call.join();
}

TEST_F(KubernetesDriverTest, ATokenThatWasReplacedIsReadAgain) {
  const auto driver = MakeDriver();
  ASSERT_THAT(driver->List({}), IsOk());
  Write("token", "secret-two");
  const auto refused = driver->List({});
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("401")));
  EXPECT_THAT(refused.status().ToString(), testing::Not(HasSubstr("secret")));
  Write("mine", "secret-two\n");
  EXPECT_THAT(driver->List({}), IsOk());
  std::filesystem::remove(folder_ + "mine");
  EXPECT_THAT(driver->List({}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(folder_ + "mine")));
}

TEST_F(KubernetesDriverTest, AServerThatIsNotTheClustersGetsNoToken) {
  std::filesystem::create_directories(folder_ + "other");
  auto other = ChildProcess::Start("services/controller/testing/api_server.py", {folder_ + "other"},
                                   folder_ + "other.out");
  ASSERT_THAT(other, IsOk());
  ASSERT_THAT(testing_support::WaitForFile(folder_ + "other/url"), IsOk()) << (*other)->Output();
  config_.set_ca_file(folder_ + "other/ca.crt");
  EXPECT_THAT(MakeDriver()->List({}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("certificate")));
  EXPECT_THAT(Requests(), IsEmpty());
}

TEST_F(KubernetesDriverTest, RefusesWhatMakesNoSense) {
  const auto driver = MakeDriver();
  EXPECT_THAT(driver->Scale("inspector", 9),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("max_instances")));
  EXPECT_THAT(driver->Scale("sampler", 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no stage sampler")));
  EXPECT_THAT(Requests(), IsEmpty());
  config_.mutable_stages(0)->set_workload("renamed");
  EXPECT_THAT(MakeDriver()->List({}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"renamed\" not found")));
  config_.mutable_stages(0)->set_workload("../secrets");
  EXPECT_THAT(KubernetesDriver::Create(config_, log::Logger::Null()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("../secrets")));
}

TEST_F(KubernetesDriverTest, FindsItsClusterByItsEnvironment) {
  const std::string url = config_.api_url();
  config_.clear_api_url();
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  EXPECT_THAT(KubernetesDriver::Create(config_, log::Logger::Null()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("this is no pod")));
  ::setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", url.substr(url.rfind(':') + 1).c_str(), 1);
  EXPECT_THAT(MakeDriver()->List({}), IsOk());
  config_.set_api_url("http://127.0.0.1:1");
  EXPECT_THAT(KubernetesDriver::Create(config_, log::Logger::Null()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected https")));
}

TEST_F(KubernetesDriverTest, ThereIsOneDriver) {
  prometheus::Registry registry;
  config::v1::DriverConfig config;
  EXPECT_EQ(*controller::MakeDriver(config, log::Logger::Null(), registry), nullptr);
  *config.mutable_kubernetes() = config_;
  EXPECT_THAT(controller::MakeDriver(config, log::Logger::Null(), registry), IsOk());
  config.mutable_local()->set_state_dir(folder_ + "state");
  EXPECT_THAT(controller::MakeDriver(config, log::Logger::Null(), registry),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not both")));
}

}  // namespace
}  // namespace mentat::controller
