// The steps of docs/security.md as they stand there, with real processes: certificates and tokens
// are made, a stage and a controller are configured, and callers do what their roles allow.

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_matchers.h"
#include "common/service/access/admin_client.h"
#include "common/service/http_get.h"
#include "common/service/testing/child_process.h"
#include "common/service/testing/service_process.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mentat/controller/v1/controller.grpc.pb.h"
#include "mentat/stage/v1/stage_admin.grpc.pb.h"

namespace mentat {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::ChildProcess;
using testing_support::WaitForFile;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The blocks of one language in the section of a page, in their order.
std::vector<std::string> Blocks(const std::string& page, const std::string& section,
                                const std::string& language) {
  const size_t begin = page.find("### " + section + "\n");
  const std::string text = page.substr(begin, page.find("\n### ", begin + 1) - begin);
  std::vector<std::string> blocks;
  const std::string head = "```" + language + "\n";
  for (size_t at = text.find(head); at != std::string::npos; at = text.find(head, at)) {
    at += head.size();
    blocks.push_back(text.substr(at, text.find("```", at) - at));
  }
  return blocks;
}

void Replace(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  ::chmod((path + ".new").c_str(), 0600);
  std::filesystem::rename(path + ".new", path);
}

class ControlPlaneTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    const std::string page = ReadAll("docs/security.md");
    std::string script = "set -euo pipefail\n";
    for (const std::string& block : Blocks(page, "Step by step", "sh")) script += Here(block);
    std::ofstream(folder_ + "/steps.sh") << script;
    auto steps = ChildProcess::Start("/bin/bash", {folder_ + "/steps.sh"}, folder_ + "/steps.log");
    ASSERT_THAT(steps, IsOk());
    ASSERT_EQ((*steps)->Wait().value(), 0) << (*steps)->Output();
    const std::vector<std::string> configs = Blocks(page, "Step by step", "json");
    ASSERT_EQ(configs.size(), 2);
    std::ofstream(folder_ + "/stage.json") << Here(configs[0]);
    std::ofstream(folder_ + "/controller.json") << Here(configs[1]);

    demo_ = Start("demo", "services/demo/demo", "stage.json",
                  {"--set", "pipeline.input.bind=tcp://127.0.0.1:*"});
    stage_address_ = AddressOf("demo");
    controller_ = Start("controller", "services/controller/controller", "controller.json",
                        {"--set", absl::StrCat("stages=[{\"name\": \"demo\", \"addresses\": [\"",
                                               stage_address_, "\"]}]")});
    controller_address_ = AddressOf("controller");
  }

  // Text of the page for this machine and folder.
  std::string Here(const std::string& text) const {
    return absl::StrReplaceAll(text, {{"/etc/mentat", folder_ + "/etc"},
                                      {"/var/lib/mentat", folder_},
                                      {"0.0.0.0:5580", "0.0.0.0:0"}});
  }

  std::unique_ptr<ChildProcess> Start(const std::string& name, const std::string& program,
                                      const std::string& config,
                                      const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--config", folder_ + "/" + config, "--set",
                                          "service.ports_file=" + folder_ + "/" + name + ".ports"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto process = ChildProcess::Start(program, arguments, folder_ + "/" + name + ".log");
    EXPECT_THAT(process, IsOk());
    EXPECT_THAT(WaitForFile(folder_ + "/" + name + ".ports"), IsOk()) << (*process)->Output();
    return *std::move(process);
  }
  std::string AddressOf(const std::string& name) const {
    const auto ports = service::ReadPortsFile(folder_ + "/" + name + ".ports");
    EXPECT_THAT(ports, IsOk());
    return absl::StrReplaceAll(ports->admin, {{"0.0.0.0", "127.0.0.1"}});
  }

  std::shared_ptr<grpc::Channel> Connect(const std::string& address, const std::string& token,
                                         const std::string& certificate = "") const {
    config::v1::AdminClientConfig config;
    config.set_ca_file(folder_ + "/etc/tls/ca.pem");
    if (!token.empty()) config.set_token_file(folder_ + "/etc/tls/" + token + ".token");
    if (!certificate.empty()) {
      config.set_cert_file(folder_ + "/etc/tls/" + certificate + ".pem");
      config.set_key_file(folder_ + "/etc/tls/" + certificate + ".key");
    }
    const auto client = service::AdminClient::Create(config);
    EXPECT_THAT(client, IsOk());
    return (*client)->Connect(address).value();
  }

  grpc::StatusCode PauseBy(const std::string& token, std::string* error = nullptr) const {
    const auto stub = controller::v1::Controller::NewStub(Connect(controller_address_, token));
    grpc::ClientContext context;
    controller::v1::PauseResponse response;
    const grpc::Status status = stub->Pause(&context, {}, &response);
    if (error != nullptr) *error = status.error_message();
    if (status.ok()) {
      EXPECT_EQ(response.results_size(), 1);
      for (const auto& result : response.results()) EXPECT_EQ(result.code(), 0) << result.error();
    }
    return status.error_code();
  }

  const std::string folder_ = testing::TempDir() + "/steps";
  std::unique_ptr<ChildProcess> demo_;
  std::unique_ptr<ChildProcess> controller_;
  std::string stage_address_;
  std::string controller_address_;
};

TEST_F(ControlPlaneTest, TheStepsOfThePageLeadToAnInstallationWithRoles) {
  std::string error;
  EXPECT_EQ(PauseBy("", &error), grpc::UNAUTHENTICATED);
  EXPECT_THAT(error, HasSubstr("Pause needs the role operator"));
  EXPECT_EQ(PauseBy("nagios", &error), grpc::PERMISSION_DENIED);
  EXPECT_EQ(error, "Pause needs the role operator; token nagios has the role viewer");
  EXPECT_EQ(PauseBy("alice", &error), grpc::OK) << error;

  // The stage knows the controller, and nobody else.
  grpc::ClientContext direct;
  stage::v1::ResumeResponse resumed;
  EXPECT_EQ(stage::v1::StageAdmin::NewStub(Connect(stage_address_, "alice"))
                ->Resume(&direct, {}, &resumed)
                .error_code(),
            grpc::UNAUTHENTICATED);
  grpc::ClientContext stages_own;
  EXPECT_EQ(stage::v1::StageAdmin::NewStub(Connect(stage_address_, "", "stages"))
                ->Resume(&stages_own, {}, &resumed)
                .error_code(),
            grpc::PERMISSION_DENIED);

  // Who did it: on the stage the controller, at the controller alice.
  EXPECT_THAT(ReadAll(folder_ + "/demo.log"),
              HasSubstr("\"caller\":\"certificate controller (admin)\""));
  grpc::ClientContext context;
  controller::v1::ListAuditRecordsResponse response;
  EXPECT_TRUE(controller::v1::Controller::NewStub(Connect(controller_address_, "nagios"))
                  ->ListAuditRecords(&context, {}, &response)
                  .ok());
  ASSERT_EQ(response.records_size(), 1);
  EXPECT_EQ(response.records(0).call(), "Pause");
  EXPECT_EQ(response.records(0).caller(), "token alice (operator)");
  EXPECT_EQ(response.records(0).code(), 0);
  EXPECT_THAT(ReadAll(folder_ + "/audit.jsonl"), HasSubstr("token alice"));
  EXPECT_THAT(ReadAll(folder_ + "/controller.log"), HasSubstr("\"message\":\"call refused\""));

  // mentatctl, as the page calls it.
  auto status = ChildProcess::Start(
      "tools/mentatctl/mentatctl",
      {"--controller", controller_address_, "--ca-file", folder_ + "/etc/tls/ca.pem",
       "--token-file", folder_ + "/etc/tls/nagios.token", "status"},
      folder_ + "/mentatctl.log");
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ((*status)->Wait().value(), 1);  // paused
  EXPECT_THAT((*status)->Output(), HasSubstr("demo"));
}

TEST_F(ControlPlaneTest, ATokenThatIsTakenOutIsWorthNothing) {
  EXPECT_EQ(PauseBy("alice"), grpc::OK);
  const std::string tokens = ReadAll(folder_ + "/etc/tls/tokens");
  Replace(folder_ + "/etc/tls/tokens", tokens.substr(tokens.find('\n') + 1));
  EXPECT_EQ(PauseBy("alice"), grpc::UNAUTHENTICATED);
  EXPECT_EQ(PauseBy("nagios"), grpc::PERMISSION_DENIED);
}

TEST_F(ControlPlaneTest, TheTokenIsNowhereToBeSeen) {
  std::string token = ReadAll(folder_ + "/etc/tls/alice.token");
  token.resize(token.find('\n'));
  ASSERT_EQ(PauseBy("alice"), grpc::OK);
  const auto stub = controller::v1::Controller::NewStub(Connect(controller_address_, "alice"));
  grpc::ClientContext config_context;
  controller::v1::GetConfigResponse config;
  EXPECT_TRUE(stub->GetConfig(&config_context, {}, &config).ok());
  EXPECT_GT(config.ByteSizeLong(), 0);
  EXPECT_THAT(config.DebugString(), Not(HasSubstr(token)));
  grpc::ClientContext status_context;
  controller::v1::GetStatusResponse status;
  EXPECT_TRUE(stub->GetStatus(&status_context, {}, &status).ok());
  EXPECT_THAT(status.DebugString(), Not(HasSubstr(token)));
  for (const char* name : {"demo.log", "controller.log", "audit.jsonl"}) {
    EXPECT_THAT(ReadAll(folder_ + "/" + name), Not(HasSubstr(token))) << name;
  }
  const auto ports = service::ReadPortsFile(folder_ + "/controller.ports");
  const auto page = service::HttpGet(ports->metrics, "/metrics");
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(*page, Not(HasSubstr(token)));
}

TEST_F(ControlPlaneTest, BeyondLoopbackNothingIsServedThatWasNotSaid) {
  for (const auto& [more, wrong] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "service.access.allow_plaintext"},
           {{"--set", "service.access.allow_plaintext=true"}, "service.access.anonymous_role"}}) {
    std::vector<std::string> arguments = {"--set", "pipeline.input.bind=tcp://127.0.0.1:*", "--set",
                                          "service.admin_listen=0.0.0.0:0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto process = ChildProcess::Start("services/demo/demo", arguments, folder_ + "/refused.log");
    ASSERT_THAT(process, IsOk());
    EXPECT_EQ((*process)->Wait().value(), 1);
    EXPECT_THAT((*process)->Output(), HasSubstr(wrong));
  }
}

}  // namespace
}  // namespace mentat
