// Runs the script as a person would, and as a timer would.
#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "common/service/runlog/runlog_files.h"
#include "common/service/testing/child_process.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::ChildProcess;

class DbmngrTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    store::PrivateClusterOptions options;
    options.fsync = false;
    auto cluster = store::PrivateCluster::Create(options);
    ASSERT_THAT(cluster, IsOk());
    cluster_ = *std::move(cluster);
    const auto dsn = cluster_->CreateDatabase("mentat");
    ASSERT_THAT(dsn, IsOk());
    dsn_ = *dsn;
  }

  std::unique_ptr<ChildProcess> Start(std::vector<std::string> words) {
    words.insert(words.begin(), {"--set", "database.dsn=" + dsn_, "--set",
                                 "service.runlog.folder=" + folder_ + "/runs"});
    auto process =
        ChildProcess::Start("tools/mentat_dbmngr/mentat-dbmngr", words, folder_ + "/out");
    EXPECT_THAT(process, IsOk());
    return *std::move(process);
  }
  // What it wrote, and its exit status behind that.
  std::string Run(const std::vector<std::string>& words) {
    std::filesystem::remove(folder_ + "/out");
    auto process = Start(words);
    const int status = process->Wait().value();
    return process->Output() + "exit status " + std::to_string(status);
  }

  const std::string folder_ = testing::TempDir() + "/dbmngr";
  std::unique_ptr<store::PrivateCluster> cluster_;
  std::string dsn_;
};

TEST_F(DbmngrTest, LooksAfterADatabase) {
  EXPECT_THAT(Run({"check"}), HasSubstr("exit status 1"));
  EXPECT_THAT(Run({"migrate"}),
              AllOf(HasSubstr("applying 0001_events"), HasSubstr("exit status 0")));
  EXPECT_EQ(Run({"check"}), "the schema is as it should be\nexit status 0");
  EXPECT_THAT(
      Run({"status", "--tables", "5"}),
      AllOf(HasSubstr("0001_events applied"), HasSubstr("TABLE"), HasSubstr("exit status 0")));

  const auto runs = service::ListRunlogs(folder_ + "/runs");
  ASSERT_THAT(runs, IsOk());
  ASSERT_EQ(runs->runs.size(), 4);
  int ok = 0;
  for (const service::ReadRunlog& each : runs->runs) {
    if (each.runlog.result() == stage::v1::RUN_RESULT_OK) ++ok;
    if (each.runlog.command() == "status") {
      EXPECT_NE(each.runlog.command_result().at("bytes"), "0");
    }
  }
  EXPECT_EQ(ok, 3);
}

TEST_F(DbmngrTest, ChecksAtAnInterval) {
  ASSERT_THAT(Run({"migrate"}), HasSubstr("exit status 0"));
  auto process = Start({"--interval", "100ms", "check"});
  const auto runs = [this] { return service::ListRunlogs(folder_ + "/runs")->runs.size(); };
  while (runs() < 4) absl::SleepFor(absl::Milliseconds(10));
  process->Signal(SIGTERM);
  EXPECT_EQ(process->Wait().value(), 0);
}

TEST_F(DbmngrTest, KeepsThePasswordToItself) {
  dsn_ = "host=/nowhere password=hunter2";
  EXPECT_THAT(Run({"status"}),
              AllOf(HasSubstr("/nowhere"), Not(HasSubstr("hunter2")), HasSubstr("exit status 1")));
  EXPECT_THAT(Run({"--config-view"}), Not(HasSubstr("hunter2")));
  const auto runs = service::ListRunlogs(folder_ + "/runs");
  ASSERT_THAT(runs, IsOk());
  for (const service::ReadRunlog& each : runs->runs) {
    EXPECT_THAT(each.runlog.DebugString(), Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace mentat
