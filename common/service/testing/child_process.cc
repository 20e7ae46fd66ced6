#include "common/service/testing/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace mentat::testing_support {

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::string& program, const std::vector<std::string>& arguments,
    const std::string& output) {
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const absl::Cleanup destroy = [&] { ::posix_spawn_file_actions_destroy(&actions); };
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = 0;
  if (const int error =
          ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), ::environ);
      error != 0) {
    return absl::ErrnoToStatus(error, absl::StrCat("cannot start ", program));
  }
  const int pid_fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pid_fd < 0) return absl::ErrnoToStatus(errno, "cannot watch the process");
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, pid_fd, output));
}

ChildProcess::~ChildProcess() {
  if (!ended_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(pid_fd_);
}

void ChildProcess::Signal(int number) const {
  if (ended_ || ::kill(pid_, number) != 0 || number != SIGSTOP) return;
  // Some of its threads may run on for a moment; the kernel tells when the last one has stopped.
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
}

absl::StatusOr<int> ChildProcess::Wait(absl::Duration timeout) {
  if (ended_) return exit_status_;
  pollfd fd = {pid_fd_, POLLIN, 0};
  if (::poll(&fd, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) != 1) {
    return absl::DeadlineExceededError(absl::StrCat("process ", pid_, " still runs:\n", Output()));
  }
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return absl::ErrnoToStatus(errno, "waitpid");
  ended_ = true;
  exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return exit_status_;
}

std::string ChildProcess::Output() const {
  std::ifstream in(output_);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

absl::Status WaitForFile(const std::string& path, absl::Duration timeout) {
  const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "inotify");
  const absl::Cleanup close_fd = [fd] { ::close(fd); };
  const std::string folder = std::filesystem::path(path).parent_path();
  if (::inotify_add_watch(fd, folder.c_str(), IN_CREATE | IN_MOVED_TO) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot watch ", folder));
  }
  const absl::Time deadline = absl::Now() + timeout;
  while (!std::filesystem::exists(path)) {
    const absl::Duration rest = deadline - absl::Now();
    pollfd poll_fd = {fd, POLLIN, 0};
    if (rest <= absl::ZeroDuration() ||
        ::poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(rest)) + 1) == 0) {
      return absl::DeadlineExceededError(absl::StrCat(path, " did not appear"));
    }
    char buffer[4096];
    [[maybe_unused]] const ssize_t size = ::read(fd, buffer, sizeof buffer);
  }
  return absl::OkStatus();
}

}  // namespace mentat::testing_support
