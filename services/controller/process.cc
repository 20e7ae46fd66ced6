#include "services/controller/process.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace mentat::controller {
namespace {

constexpr int kLockFd = 3;    // of the PID file in the program
constexpr int kReportFd = 4;  // where the child says what went wrong
constexpr mode_t kFileMode = 0640;
constexpr int kFailed = 127;
// From include/uapi/linux/close_range.h, which glibc 2.36 hides behind linux/ headers.
constexpr unsigned kCloseOnExec = 1U << 2;

// What the child was about to do when it failed; Describe has the words.
enum class Step : int { kOpen, kLock, kWrite, kSession, kLimits, kDirectory, kOutput, kProgram };

struct Failure {
  Step step;
  int error;
};

std::string Describe(Step step, const SpawnOptions& options) {
  switch (step) {
    case Step::kOpen:
      return absl::StrCat("cannot open ", options.pid_file);
    case Step::kLock:
      return absl::StrCat("cannot lock ", options.pid_file);
    case Step::kWrite:
      return absl::StrCat("cannot write ", options.pid_file);
    case Step::kSession:
      return "cannot prepare a process";
    case Step::kLimits:
      return "cannot set the limits";
    case Step::kDirectory:
      return absl::StrCat("cannot enter ", options.working_directory);
    case Step::kOutput:
      return absl::StrCat("cannot write ", options.output);
    case Step::kProgram:
      break;
  }
  return absl::StrCat("cannot run ", options.command.front());
}

struct flock WholeFile() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Everything that the child needs, made before the fork: afterwards it may call only what is
// async-signal-safe, since other threads may have held any lock.
struct Prepared {
  const SpawnOptions& options;
  std::vector<char*> argv;
  pid_t parent;
  int report_fd;
};

[[noreturn]] void Fail(Step step) {
  const Failure failure = {step, errno};
  [[maybe_unused]] const ssize_t written = ::write(kReportFd, &failure, sizeof failure);
  ::_exit(kFailed);
}

bool SetLimit(int resource, uint64_t value) {
  if (value == 0) return true;
  const rlimit limit = {value, value};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0;
}

// PID and generation, as `4711 3`.
bool WriteContent(int fd, uint64_t generation) {
  char text[64];
  char* end = std::to_chars(text, text + 20, ::getpid()).ptr;
  *end++ = ' ';
  end = std::to_chars(end, end + 20, generation).ptr;
  *end++ = '\n';
  return ::ftruncate(fd, 0) == 0 && ::pwrite(fd, text, end - text, 0) == end - text;
}

[[noreturn]] void BecomeProgram(const Prepared& prepared) {
  const SpawnOptions& options = prepared.options;
  // First above those that are given fixed numbers, since one may lie in the other's place.
  const int report = ::fcntl(prepared.report_fd, F_DUPFD, kReportFd + 1);
  if (report < 0 || ::dup3(report, kReportFd, O_CLOEXEC) < 0) ::_exit(kFailed);
  // Until it can be found by its lock, it does not outlive its parent.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != prepared.parent) ::_exit(kFailed);
  sigset_t none;
  ::sigemptyset(&none);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0 || ::setsid() < 0) Fail(Step::kSession);

  const int opened = ::open(options.pid_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (opened < 0) Fail(Step::kOpen);
  // The lock would be lost with any descriptor of the file that is closed after it was taken.
  if (opened != kLockFd) {
    if (::dup2(opened, kLockFd) < 0) Fail(Step::kOpen);
    ::close(opened);
  }
  if (::fcntl(kLockFd, F_SETFD, 0) != 0) Fail(Step::kOpen);
  struct flock lock = WholeFile();
  if (::fcntl(kLockFd, F_SETLK, &lock) != 0) Fail(Step::kLock);
  if (!WriteContent(kLockFd, options.generation)) Fail(Step::kWrite);

  const config::v1::ProcessLimitsConfig& limits = options.limits;
  const int output =
      ::open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kFileMode);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (output < 0 || input < 0 || ::dup2(input, STDIN_FILENO) < 0 ||
      ::dup2(output, STDOUT_FILENO) < 0 || ::dup2(output, STDERR_FILENO) < 0) {
    Fail(Step::kOutput);
  }
  if (!options.working_directory.empty() && ::chdir(options.working_directory.c_str()) != 0) {
    Fail(Step::kDirectory);
  }
  errno = 0;
  if ((limits.nice() != 0 && ::nice(limits.nice()) == -1 && errno != 0) ||
      !SetLimit(RLIMIT_AS, limits.memory_bytes()) ||
      !SetLimit(RLIMIT_NOFILE, limits.open_files()) ||
      !SetLimit(RLIMIT_CPU, limits.cpu_seconds())) {
    Fail(Step::kLimits);
  }
  ::syscall(SYS_close_range, kReportFd, ~0U, kCloseOnExec);
  if (::prctl(PR_SET_PDEATHSIG, 0) != 0) Fail(Step::kSession);
  ::execv(prepared.argv.front(), prepared.argv.data());
  Fail(Step::kProgram);
}

absl::StatusOr<UniqueFd> OpenPidFd(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "cannot watch a process");
  return fd;
}

// The process that has the lock of an open file; 0 if none has.
absl::StatusOr<pid_t> LockHolder(int fd, const std::string& path) {
  struct flock lock = WholeFile();
  if (::fcntl(fd, F_GETLK, &lock) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot ask for the lock of ", path));
  }
  if (lock.l_type == F_UNLCK) return 0;
  if (lock.l_pid <= 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is locked by a process that cannot be seen from here"));
  }
  return lock.l_pid;
}

uint64_t ReadGeneration(int fd) {
  char text[64];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  if (size <= 0) return 0;
  const std::string_view content(text, static_cast<size_t>(size));
  const size_t space = content.find(' ');
  uint64_t generation = 0;
  if (space != std::string_view::npos) {
    std::from_chars(content.data() + space + 1, content.data() + content.size(), generation);
  }
  return generation;
}

}  // namespace

absl::StatusOr<Process> Spawn(const SpawnOptions& options) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot start a process");
  const UniqueFd read_end(pipe[0]);
  UniqueFd write_end(pipe[1]);
  Prepared prepared = {options, {}, ::getpid(), write_end.get()};
  for (const std::string& argument : options.command) {
    prepared.argv.push_back(const_cast<char*>(argument.c_str()));
  }
  prepared.argv.push_back(nullptr);

  const pid_t pid = ::fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "cannot start a process");
  if (pid == 0) BecomeProgram(prepared);
  write_end.Reset();
  absl::StatusOr<UniqueFd> pid_fd = OpenPidFd(pid);

  // Ends with the program's start, which closes the other end, or with a failure.
  Failure failure = {};
  ssize_t size = 0;
  do {
    size = ::read(read_end.get(), &failure, sizeof failure);
  } while (size < 0 && errno == EINTR);
  if (size == 0 && pid_fd.ok()) {
    return Process{pid, *std::move(pid_fd), options.generation, /*child=*/true};
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  if (size == 0) return pid_fd.status();
  if (failure.step == Step::kLock && (failure.error == EAGAIN || failure.error == EACCES)) {
    return absl::AlreadyExistsError(absl::StrCat(options.pid_file, " is held by a process"));
  }
  return absl::ErrnoToStatus(failure.error, Describe(failure.step, options));
}

absl::StatusOr<std::optional<Process>> FindHolder(const std::string& pid_file) {
  const UniqueFd file(::open(pid_file.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return std::nullopt;
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", pid_file));
  }
  while (true) {
    const absl::StatusOr<pid_t> pid = LockHolder(file.get(), pid_file);
    if (!pid.ok()) return pid.status();
    if (*pid == 0) return std::nullopt;
    absl::StatusOr<UniqueFd> pid_fd = OpenPidFd(*pid);
    const absl::StatusOr<pid_t> again = LockHolder(file.get(), pid_file);
    if (!again.ok()) return again.status();
    // It has ended in between, and the number may already be somebody else's.
    if (*again != *pid) continue;
    if (!pid_fd.ok()) return pid_fd.status();
    return Process{*pid, *std::move(pid_fd), ReadGeneration(file.get()), /*child=*/false};
  }
}

void Signal(const Process& process, int number) {
  ::syscall(SYS_pidfd_send_signal, process.pid_fd.get(), number, nullptr, 0);
}

std::string Reap(const Process& process, const std::string& pid_file) {
  // Not taken away: another process may be about to lock it.
  [[maybe_unused]] const int ignored = ::truncate(pid_file.c_str(), 0);
  int status = 0;
  if (!process.child || ::waitpid(process.pid, &status, 0) != process.pid) return "ended";
  if (WIFEXITED(status)) return absl::StrCat("exit status ", WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? absl::StrCat("killed by SIG", name)
                         : absl::StrCat("killed by signal ", number);
}

absl::StatusOr<UniqueFd> LockFile(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!file.valid()) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  struct flock lock = WholeFile();
  if (::fcntl(file.get(), F_SETLK, &lock) == 0) return file;
  if (errno != EAGAIN && errno != EACCES) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock ", path));
  }
  const absl::StatusOr<pid_t> holder = LockHolder(file.get(), path);
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is locked by process ", holder.value_or(0)));
}

}  // namespace mentat::controller
