// Runs the program against a service, plain and over TLS with the certificates of
// deploy/make_secrets.sh.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <string>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/service/testing/service_process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat {
namespace {

using ::testing::HasSubstr;
using testing_support::ServiceProcess;

struct Outcome {
  int exit_status = -1;
  std::string output;  // both streams
};

Outcome Shell(const std::string& command) {
  Outcome outcome;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    outcome.output.append(buffer, n);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_status = WEXITSTATUS(status);
  return outcome;
}

Outcome Health(const std::string& arguments) {
  return Shell("tools/mentat_health/mentat-health " + arguments);
}

std::string Folder() { return getenv("TEST_TMPDIR"); }

// A stage that is alive and not ready: its only peer does not answer.
std::vector<std::string> Options() {
  return {"--set", "pipeline.input.bind=tcp://127.0.0.1:*", "--set",
          R"(pipeline.outputs={"default": {"peers": ["tcp://127.0.0.1:1"]}})"};
}

TEST(MentatHealthTest, TellsAliveFromReady) {
  auto service = ServiceProcess::Start("services/demo/demo", Folder(), "plain", Options());
  ASSERT_THAT(service, IsOk());
  const std::string address = (*service)->ports().admin;
  EXPECT_EQ(Health("--service liveness " + address).exit_status, 0);
  const Outcome ready = Health(address);
  EXPECT_EQ(ready.exit_status, 1);
  EXPECT_THAT(ready.output, HasSubstr("NOT_SERVING"));
  EXPECT_EQ(Health("--service no.such.Service " + address).exit_status, 1);
}

TEST(MentatHealthTest, SpeaksTls) {
  ASSERT_EQ(Shell("deploy/make_secrets.sh " + Folder() + "/secrets --tls --keep-owner").exit_status,
            0);
  const std::string tls = Folder() + "/secrets/tls/";
  std::vector<std::string> options = Options();
  for (const std::string& option :
       {"cert_file=" + tls + "stages.pem", "key_file=" + tls + "stages.key"}) {
    options.push_back("--set");
    options.push_back("service.tls." + option);
  }
  // As an anonymous caller: health is open to all.
  auto service = ServiceProcess::Start("services/demo/demo", Folder(), "encrypted", options);
  const std::string address = service.ok() ? (*service)->ports().admin : "";
  ASSERT_FALSE(address.empty()) << service.status();
  const std::string liveness = "--service liveness " + address;
  EXPECT_EQ(Health("--ca-file " + tls + "ca.pem " + liveness).exit_status, 0);
  EXPECT_EQ(Health("--ca-file " + tls + "ca.pem --server-name localhost " + liveness).exit_status,
            0);
  EXPECT_EQ(Health("--ca-file " + tls + "ca.pem --server-name other " + liveness).exit_status, 1);
  EXPECT_EQ(Health("--timeout 0.5 " + liveness).exit_status, 1);
}

TEST(MentatHealthTest, SaysWhatIsWrong) {
  EXPECT_EQ(Health("--help").exit_status, 0);
  EXPECT_EQ(Health("--nonsense").exit_status, 2);
  EXPECT_EQ(Health("one:1 two:2").exit_status, 2);
  EXPECT_EQ(Health("--timeout soon").exit_status, 2);
  EXPECT_THAT(Health("127.0.0.1:1").output, HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(Health("--ca-file /nowhere 127.0.0.1:1").output, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace mentat
