#include "services/controller/process.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::controller {
namespace {

using ::testing::HasSubstr;
using testing_support::ChildProcess;

class ProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    folder_ = std::filesystem::canonical(folder_);
    pid_file_ = folder_ + "/x.pid";
  }

  SpawnOptions Options(const std::string& script) const {
    return {.pid_file = pid_file_,
            .generation = 7,
            .command = {"/bin/sh", "-c", script},
            .working_directory = folder_,
            .output = folder_ + "/output",
            .limits = {}};
  }

  static void WaitForEnd(const Process& process) {
    pollfd fd = {process.pid_fd.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&fd, 1, 60'000), 1) << "the process still runs";
  }

  std::string Read(const std::string& name) const {
    std::ifstream in(folder_ + "/" + name);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  std::string folder_;
  std::string pid_file_;
};

TEST_F(ProcessTest, IsFoundByItsFileAsLongAsItLives) {
  auto process = Spawn(Options("exec sleep 1000"));
  ASSERT_THAT(process, IsOk());
  EXPECT_EQ(Read("x.pid"), absl::StrCat(process->pid, " 7\n"));
  auto holder = FindHolder(pid_file_);
  ASSERT_THAT(holder, IsOk());
  ASSERT_TRUE(holder->has_value());
  EXPECT_EQ((*holder)->pid, process->pid);
  EXPECT_EQ((*holder)->generation, 7);
  EXPECT_FALSE((*holder)->child);

  Signal(**holder, SIGKILL);
  WaitForEnd(*process);
  EXPECT_FALSE(FindHolder(pid_file_)->has_value()) << "a dead process that nobody has reaped";
  EXPECT_EQ(Reap(*process, pid_file_), "killed by SIGKILL");
  EXPECT_FALSE(FindHolder(pid_file_)->has_value());
  EXPECT_EQ(Read("x.pid"), "");
}

TEST_F(ProcessTest, CannotRunTwice) {
  auto process = Spawn(Options("exec sleep 1000"));
  ASSERT_THAT(process, IsOk());
  EXPECT_THAT(Spawn(Options("exec sleep 1000")),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(pid_file_)));
  EXPECT_EQ(Read("x.pid"), absl::StrCat(process->pid, " 7\n"));
  Signal(*process, SIGKILL);
  WaitForEnd(*process);
  Reap(*process, pid_file_);
  auto again = Spawn(Options("exit 3"));
  ASSERT_THAT(again, IsOk());
  WaitForEnd(*again);
  EXPECT_EQ(Reap(*again, pid_file_), "exit status 3");
}

TEST_F(ProcessTest, AnotherProcessWithItsNumberIsNotTakenForIt) {
  std::ofstream(pid_file_) << ::getpid() << " 7\n";
  EXPECT_FALSE(FindHolder(pid_file_)->has_value());
  EXPECT_FALSE(FindHolder(folder_ + "/none.pid")->has_value());
}

TEST_F(ProcessTest, HasItsLimitsAndNothingElseOfItsParent) {
  SpawnOptions options =
      Options("ulimit -v; ulimit -n; ulimit -t; nice; pwd; cat; ls /proc/$$/fd | tr '\\n' ' '");
  options.limits.set_memory_bytes(1 << 30);
  options.limits.set_open_files(64);
  options.limits.set_cpu_seconds(100);
  options.limits.set_nice(3);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const UniqueFd mine(::dup(STDOUT_FILENO));  // without close-on-exec
  auto process = Spawn(options);
  ASSERT_THAT(process, IsOk());
  WaitForEnd(*process);
  EXPECT_EQ(Reap(*process, pid_file_), "exit status 0") << Read("output");
  EXPECT_EQ(Read("output"), absl::StrCat("1048576\n64\n100\n3\n", folder_, "\n0 1 2 3 "));

  process = Spawn(Options("exec sleep 1000"));
  ASSERT_THAT(process, IsOk());
  Signal(*process, SIGTERM);
  WaitForEnd(*process);
  EXPECT_EQ(Reap(*process, pid_file_), "killed by SIGTERM");
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
}

TEST_F(ProcessTest, SaysWhyItCannotBeStarted) {
  SpawnOptions options = Options("");
  options.command = {"/no/such/program"};
  EXPECT_THAT(Spawn(options).status().ToString(), HasSubstr("cannot run /no/such/program"));
  options = Options("");
  options.working_directory = "/no/such/folder";
  EXPECT_THAT(Spawn(options).status().ToString(), HasSubstr("cannot enter /no/such/folder"));
  options = Options("");
  options.output = "/no/such/folder/output";
  EXPECT_THAT(Spawn(options).status().ToString(), HasSubstr("cannot write /no/such/folder/output"));
  EXPECT_FALSE(FindHolder(pid_file_)->has_value());
}

TEST_F(ProcessTest, AFileIsLockedByOneProcess) {
  const std::string file = folder_ + "/driver.lock";
  auto lock = LockFile(file);
  ASSERT_THAT(lock, IsOk());
  auto process = Spawn(Options("exec sleep 1000"));
  ASSERT_THAT(process, IsOk());
  // The lock is this process's, not the child's: it can be had again from here.
  EXPECT_THAT(LockFile(file), IsOk());
  Signal(*process, SIGKILL);
  WaitForEnd(*process);
  Reap(*process, pid_file_);
}

}  // namespace
}  // namespace mentat::controller
