#include "common/service/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::service {
namespace {

constexpr int kNotStarted = 1;

struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;  // of the user; empty where it has none
};

std::optional<uint32_t> NumberOf(const std::string& text) {
  uint32_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

absl::StatusOr<Identity> FindIdentity(const std::string& user, const std::string& group) {
  Identity identity = {.user = ::geteuid(), .group = ::getegid()};
  std::vector<char> buffer(1 << 16);
  if (!user.empty()) {
    passwd entry = {};
    passwd* found = nullptr;
    const std::optional<uint32_t> number = NumberOf(user);
    if (number.has_value()) {
      ::getpwuid_r(*number, &entry, buffer.data(), buffer.size(), &found);
    } else {
      ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
    }
    if (found != nullptr) {
      identity = {.user = found->pw_uid, .group = found->pw_gid, .name = found->pw_name};
    } else if (number.has_value() && !group.empty()) {
      identity.user = *number;  // a number needs no name, but then it has no group of its own
    } else {
      return absl::NotFoundError(absl::StrCat("service.process.user: there is no user ", user));
    }
  }
  if (!group.empty()) {
    ::group entry = {};
    ::group* found = nullptr;
    const std::optional<uint32_t> number = NumberOf(group);
    if (!number.has_value()) {
      ::getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
    }
    if (!number.has_value() && found == nullptr) {
      return absl::NotFoundError(absl::StrCat("service.process.group: there is no group ", group));
    }
    identity.group = number.has_value() ? *number : found->gr_gid;
  }
  return identity;
}

absl::Status Become(const Identity& identity) {
  if (identity.user == ::geteuid() && identity.group == ::getegid()) return absl::OkStatus();
  if (::geteuid() != 0) {
    return absl::PermissionDeniedError(
        "service.process: only root may run a service as another user or group");
  }
  const int groups = identity.name.empty() ? ::setgroups(1, &identity.group)
                                           : ::initgroups(identity.name.c_str(), identity.group);
  if (groups != 0 || ::setgid(identity.group) != 0 || ::setuid(identity.user) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("service.process: cannot become user ",
                                                   identity.user, " of group ", identity.group));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<mode_t>> ParseUmask(const std::string& text) {
  if (text.empty()) return std::optional<mode_t>();
  mode_t mask = 0;
  for (const char c : text) {
    if (c < '0' || c > '7' || text.size() > 4) {
      return absl::InvalidArgumentError(absl::StrCat(
          "service.process.umask: expected an octal number as 027, got \"", text, "\""));
    }
    mask = mask * 8 + static_cast<mode_t>(c - '0');
  }
  return std::optional<mode_t>(mask);
}

absl::Status ToNull(int fd, int flags) {
  const int null = ::open("/dev/null", flags | O_CLOEXEC);
  if (null < 0 || ::dup2(null, fd) < 0) {
    return absl::ErrnoToStatus(errno, "cannot open /dev/null");
  }
  if (null != fd) ::close(null);
  return absl::OkStatus();
}

// Forks, and lets the old process end with what the pipe tells, or as if nothing could be started.
absl::Status LeaveParent(const int (&pipe)[2]) {
  const pid_t child = ::fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "cannot fork");
  if (child == 0) return absl::OkStatus();
  ::close(pipe[1]);  // so that the pipe ends with the new process
  unsigned char status = kNotStarted;
  ssize_t size = 0;
  do {
    size = ::read(pipe[0], &status, 1);
  } while (size < 0 && errno == EINTR);
  ::waitpid(child, nullptr, 0);  // the one in between
  ::_exit(size == 1 ? status : kNotStarted);
}

}  // namespace

absl::Status CheckProcess(const config::v1::ServiceConfig& config) {
  const config::v1::ProcessConfig& process = config.process();
  if (process.daemon() && config.log().file().empty() && config.log().system_log() == "none") {
    return absl::InvalidArgumentError(
        "service.process.daemon: a daemon has no standard error to log to; give service.log.file "
        "or "
        "service.log.system_log");
  }
  RETURN_IF_ERROR(ParseUmask(process.umask()).status());
  return FindIdentity(process.user(), process.group()).status();
}

absl::StatusOr<std::unique_ptr<PidFile>> PidFile::Create(const std::string& path) {
  while (true) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open the PID file ", path));
    std::unique_ptr<PidFile> file(new PidFile(path, fd));
    file->removed_ = true;  // not ours yet
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      char text[16] = {};
      const ssize_t size = ::pread(fd, text, sizeof text - 1, 0);
      return absl::AlreadyExistsError(absl::StrCat(path, ": the service runs already, as process ",
                                                   size > 0 ? std::atoi(text) : 0));
    }
    struct stat here = {};
    struct stat there = {};
    // Another may have removed it between the opening and the locking.
    if (::fstat(fd, &here) != 0 || ::stat(path.c_str(), &there) != 0 ||
        here.st_ino != there.st_ino) {
      continue;
    }
    const std::string text = absl::StrCat(::getpid(), "\n");
    if (::ftruncate(fd, 0) != 0 ||
        ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot write the PID file ", path));
    }
    file->removed_ = false;
    return file;
  }
}

PidFile::~PidFile() {
  Remove();
  ::close(fd_);
}

void PidFile::Remove() {
  if (removed_) return;
  removed_ = true;
  if (::unlink(path_.c_str()) == 0) return;
  // Left empty, which says as much.
  [[maybe_unused]] const int emptied = ::ftruncate(fd_, 0);
}

absl::StatusOr<std::unique_ptr<Background>> Background::Enter() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  RETURN_IF_ERROR(LeaveParent(fds));
  // Not the leader of its session, so that no terminal ever becomes its own.
  ::setsid();
  if (const pid_t child = ::fork(); child != 0) ::_exit(child < 0 ? kNotStarted : 0);
  RETURN_IF_ERROR(ToNull(STDIN_FILENO, O_RDONLY));
  RETURN_IF_ERROR(ToNull(STDOUT_FILENO, O_WRONLY));
  // fds[0] is 3 or more, and closed with all the others.
  const int fd = STDERR_FILENO + 1;
  if (fds[1] != fd && ::dup3(fds[1], fd, O_CLOEXEC) < 0) {
    return absl::ErrnoToStatus(errno, "cannot keep the pipe to the caller");
  }
  ::close_range(fd + 1, ~0U, 0);
  return std::unique_ptr<Background>(new Background(fd));
}

Background::~Background() { Finish(kNotStarted); }

void Background::Finish(int exit_status) {
  if (fd_ < 0) return;
  const auto status = static_cast<unsigned char>(exit_status);
  // First, so that nothing of the caller's is held when it goes on.
  ToNull(STDERR_FILENO, O_WRONLY).IgnoreError();
  // A caller who has gone away need not know.
  [[maybe_unused]] const ssize_t written = ::write(fd_, &status, 1);
  ::close(std::exchange(fd_, -1));
}

absl::StatusOr<std::unique_ptr<PidFile>> SetUpProcess(const config::v1::ProcessConfig& config) {
  ASSIGN_OR_RETURN(const std::optional<mode_t> mask, ParseUmask(config.umask()));
  if (mask.has_value()) ::umask(*mask);
  const std::string folder =
      config.working_directory().empty() && config.daemon() ? "/" : config.working_directory();
  if (!folder.empty() && ::chdir(folder.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot work in the folder ", folder));
  }
  std::unique_ptr<PidFile> pid_file;
  if (!config.pid_file().empty()) {
    ASSIGN_OR_RETURN(pid_file, PidFile::Create(config.pid_file()));
  }
  ASSIGN_OR_RETURN(const Identity identity, FindIdentity(config.user(), config.group()));
  RETURN_IF_ERROR(Become(identity));
  return pid_file;
}

}  // namespace mentat::service
