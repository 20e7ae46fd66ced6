#include "common/service/process.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "common/base/status_matchers.h"
#include "gtest/gtest.h"

namespace mentat::service {
namespace {

using config::v1::ProcessConfig;
using config::v1::ServiceConfig;
using testing::HasSubstr;

std::string TempPath(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(path);
  return path;
}

std::string Read(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The exit status of a process that does this.
int InChild(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(PidFileTest, HoldsTheProcessWhileItLives) {
  const std::string path = TempPath("one.pid");
  auto file = PidFile::Create(path);
  ASSERT_THAT(file, IsOk());
  const std::string pid = std::to_string(::getpid());
  EXPECT_EQ(Read(path), pid + "\n");
  EXPECT_THAT(PidFile::Create(path), StatusIs(absl::StatusCode::kAlreadyExists,
                                              HasSubstr("runs already, as process " + pid)));
  EXPECT_EQ(Read(path), pid + "\n");
  file->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(PidFileTest, WhatAKilledProcessLeftIsTakenOver) {
  const std::string path = TempPath("left.pid");
  std::ofstream(path) << "12345678901234567890\n";
  auto file = PidFile::Create(path);
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(Read(path), std::to_string(::getpid()) + "\n");
}

TEST(PidFileTest, ErrorsNameTheFile) {
  EXPECT_THAT(PidFile::Create("/nonexistent/x.pid"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/x.pid")));
  const std::string link = TempPath("link.pid");
  std::filesystem::create_symlink(TempPath("target"), link);
  EXPECT_FALSE(PidFile::Create(link).ok()) << "a link could lead anywhere";
}

TEST(CheckProcessTest, SaysWhatIsWrong) {
  ServiceConfig config;
  config.mutable_log()->set_system_log("none");
  EXPECT_THAT(CheckProcess(config), IsOk());
  config.mutable_process()->set_daemon(true);
  EXPECT_THAT(CheckProcess(config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("service.log.file")));
  config.mutable_log()->set_system_log("syslog");
  EXPECT_THAT(CheckProcess(config), IsOk());
  for (const char* wrong : {"8", "0x1", "00000", "-1"}) {
    config.mutable_process()->set_umask(wrong);
    EXPECT_THAT(CheckProcess(config),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("octal number as 027")));
  }
  config.mutable_process()->set_umask("0027");
  config.mutable_process()->set_user("no-such-user");
  EXPECT_THAT(CheckProcess(config),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no-such-user")));
  config.mutable_process()->set_user("");
  config.mutable_process()->set_group("no-such-group");
  EXPECT_THAT(CheckProcess(config),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no-such-group")));
}

TEST(SetUpProcessTest, TakesOnUmaskAndFolder) {
  const std::string folder = TempPath("work");
  std::filesystem::create_directory(folder);
  EXPECT_EQ(InChild([&] {
              ProcessConfig config;
              config.set_umask("027");
              config.set_working_directory(folder);
              config.set_pid_file("relative.pid");
              auto file = SetUpProcess(config);
              if (!file.ok()) return 1;
              if (std::filesystem::current_path() != std::filesystem::canonical(folder)) return 2;
              if (::umask(0) != 027) return 3;
              return Read(folder + "/relative.pid") == std::to_string(::getpid()) + "\n" ? 0 : 4;
            }),
            0);
  EXPECT_EQ(InChild([] {
              ProcessConfig config;
              config.set_working_directory("/nonexistent");
              return SetUpProcess(config).ok() ? 1 : 0;
            }),
            0);
}

TEST(SetUpProcessTest, ADaemonWorksInTheRoot) {
  EXPECT_EQ(InChild([] {
              ProcessConfig config;
              config.set_daemon(true);
              return SetUpProcess(config).ok() && std::filesystem::current_path() == "/" ? 0 : 1;
            }),
            0);
}

TEST(SetUpProcessTest, BecomesAnotherUserForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: only root can become another user";
  const int status = InChild([] {
    if (::setgid(1) != 0 || ::setuid(1) != 0) return 77;
    return 0;
  });
  if (status == 77) GTEST_SKIP() << "skipped: this root cannot become another user";
  EXPECT_EQ(InChild([] {
              ProcessConfig config;
              config.set_user("daemon");
              if (!SetUpProcess(config).ok()) return 1;
              gid_t groups[64];
              const int count = ::getgroups(64, groups);
              for (int i = 0; i < count; ++i) {
                if (groups[i] == 0) return 2;
              }
              if (::getuid() == 0 || ::geteuid() == 0 || ::getgid() == 0) return 3;
              return ::setuid(0) == 0 ? 4 : 0;
            }),
            0);
  // Who is not root cannot.
  EXPECT_EQ(
      InChild([] {
        if (::setgid(1) != 0 || ::setuid(1) != 0) return 1;
        ProcessConfig config;
        config.set_user("root");
        return SetUpProcess(config).status().code() == absl::StatusCode::kPermissionDenied ? 0 : 2;
      }),
      0);
}

}  // namespace
}  // namespace mentat::service
