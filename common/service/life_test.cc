// What the frame asks of a service, and in which order, over its whole life.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/service/service.h"
#include "common/service/testing/child_process.h"
#include "gtest/gtest.h"
#include "mentat/config/test/v1/sample.pb.h"

namespace mentat::service {
namespace {

using testing::ElementsAre;

// Writes down what is asked of it.
class Witness : public Service {
 public:
  explicit Witness(std::string path) : path_(std::move(path)) { Say("made"); }
  ~Witness() override { Say("ended"); }

  absl::Status Setup() override {
    Say("setup");
    return absl::OkStatus();
  }
  absl::Status Run(std::stop_token stop) override {
    Say("run");
    std::ofstream(path_ + ".runs");
    absl::Status status = Service::Run(std::move(stop));
    Say("run over");
    return status;
  }
  void Drain() override { Say("drain"); }
  void Teardown() override { Say("teardown"); }

 private:
  void Say(const std::string& what) const {
    std::ofstream(path_, std::ios::app) << what << std::endl;
  }
  const std::string path_;
};

class LifeTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  // Starts the service as a process of its own.
  pid_t Start(const std::string& set) const {
    const pid_t child = ::fork();
    if (child != 0) return child;
    std::string log = "service.log.file=" + folder_ + "/log";
    std::string ports = "service.ports_file=" + ports_file();
    std::string more = set;
    std::string flag = "--set";
    std::string name = "witness";
    char* argv[] = {name.data(),  flag.data(), log.data(),  flag.data(),
                    ports.data(), flag.data(), more.data(), nullptr};
    config::test::v1::SampleConfig config;
    const int status =
        RunMain(7, argv, "witness", config, [&](const google::protobuf::Message&, Context&) {
          return std::unique_ptr<Service>(new Witness(folder_ + "/said"));
        });
    std::_Exit(status);
  }
  static int Wait(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string ports_file() const { return folder_ + "/ports.json"; }
  std::vector<std::string> Said() const {
    std::ifstream in(folder_ + "/said");
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  std::string folder_;
};

TEST_F(LifeTest, FromItsMakingToItsEnd) {
  const pid_t child = Start("title=x");
  ASSERT_THAT(testing_support::WaitForFile(ports_file()), IsOk());
  ASSERT_THAT(testing_support::WaitForFile(folder_ + "/said.runs"), IsOk());
  ::kill(child, SIGTERM);
  EXPECT_EQ(Wait(child), 0);
  // A service without an input is a source: it stops before the pipeline is drained, if it has one.
  EXPECT_THAT(Said(),
              ElementsAre("made", "setup", "run", "drain", "run over", "teardown", "ended"));
}

TEST_F(LifeTest, WhatWasSetUpIsTornDownWhereTheStartFails) {
  EXPECT_EQ(Wait(Start("service.metrics_listen=nowhere")), 1);
  EXPECT_THAT(Said(), ElementsAre("made", "setup", "teardown", "ended"));
}

}  // namespace
}  // namespace mentat::service
