// Runs the program as a person would.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <fstream>
#include <string>

#include "common/base/status_matchers.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int exit_status = -1;
  std::string output;  // both streams
};

Outcome RunMigrate(const std::string& arguments) {
  const std::string command = "tools/mentat_migrate/mentat-migrate " + arguments + " 2>&1";
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
    outcome.output.append(buffer, n);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_status = WEXITSTATUS(status);
  return outcome;
}

TEST(MentatMigrateTest, AppliesShowsAndRepeats) {
  store::PrivateClusterOptions options;
  options.fsync = false;
  auto cluster = store::PrivateCluster::Create(options);
  ASSERT_THAT(cluster, IsOk());
  auto dsn = (*cluster)->CreateDatabase("mentat");
  ASSERT_THAT(dsn, IsOk());
  const std::string argument = "--dsn '" + *dsn + "'";

  Outcome outcome = RunMigrate(argument + " --status");
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_THAT(outcome.output, HasSubstr("0001_events missing"));
  outcome = RunMigrate(argument);
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("applying 0001_events\n"));
  outcome = RunMigrate("--wait 60 " + argument);
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("applied now: 0"));

  // The same through a service's configuration.
  const std::string config = std::string(getenv("TEST_TMPDIR")) + "/storage.json";
  std::ofstream(config) << "# a comment\n{\"database\": {\"dsn\": \"" << *dsn << "\"}}\n";
  outcome = RunMigrate("--status --config " + config);
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("0001_events applied 20"));

  // And where that names a file with the secret.
  const std::string secret = std::string(getenv("TEST_TMPDIR")) + "/dsn";
  std::ofstream(secret) << *dsn << "\n";
  std::ofstream(config) << "{\"database\": {\"dsn\": {\"file\": \"" << secret << "\"}}}\n";
  EXPECT_EQ(RunMigrate("--status --config " + config).exit_status, 0);
}

TEST(MentatMigrateTest, SaysWhatIsWrongWithoutThePassword) {
  EXPECT_EQ(RunMigrate("--help").exit_status, 0);
  EXPECT_EQ(RunMigrate("--nonsense").exit_status, 2);
  EXPECT_EQ(RunMigrate("more").exit_status, 2);
  EXPECT_EQ(RunMigrate("--wait soon").exit_status, 2);
  const Outcome outcome = RunMigrate("--dsn 'host=/nowhere password=hunter2'");
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_THAT(outcome.output, HasSubstr("/nowhere"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("hunter2")));
  EXPECT_THAT(RunMigrate("--config /nowhere/storage.json").output,
              HasSubstr("/nowhere/storage.json"));
}

}  // namespace
}  // namespace mentat
