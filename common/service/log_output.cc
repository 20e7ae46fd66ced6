#include "common/service/log_output.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"

namespace mentat::log {
namespace {

absl::StatusOr<int> OpenForAppend(const std::string& path) {
  const int fd = path.empty()
                     ? ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                     : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd >= 0) return fd;
  if (path.empty()) return STDERR_FILENO;
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot open the log file ", path));
}

class FileOutput : public Output {
 public:
  FileOutput(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~FileOutput() override {
    if (fd_ != STDERR_FILENO) ::close(fd_);
  }

  bool Write(Level, std::string_view, std::string_view line) override {
    while (!line.empty()) {
      const ssize_t written = ::write(fd_, line.data(), line.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      line.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }

  absl::Status Reopen() override {
    if (path_.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const int fd, OpenForAppend(path_));
    const int result = ::dup3(fd, fd_, O_CLOEXEC);
    const int error = errno;
    ::close(fd);
    if (result >= 0) return absl::OkStatus();
    return absl::ErrnoToStatus(error, absl::StrCat("cannot reopen the log file ", path_));
  }

 private:
  const std::string path_;
  const int fd_;  // Reopen replaces what stands behind the number, never the number
};

// Severities of syslog(3).
int Severity(Level level) {
  switch (level) {
    case Level::kDebug:
      return 7;
    case Level::kInfo:
      return 6;
    case Level::kWarning:
      return 4;
    case Level::kError:
      break;
  }
  return 3;
}

// Sends a datagram for each line to a socket, which may be made anew by another meanwhile.
class SocketOutput : public Output {
 public:
  using MakeDatagram = std::function<std::string(Level, std::string_view module, std::string_view)>;

  static absl::StatusOr<std::unique_ptr<Output>> Open(const std::string& path, MakeDatagram make) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the path of the log's socket is over ", sizeof address.sun_path - 1, " bytes: ", path));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int probe = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool reached =
        fd >= 0 && probe >= 0 &&
        ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const int error = errno;
    if (probe >= 0) ::close(probe);
    if (reached) return std::unique_ptr<Output>(new SocketOutput(fd, address, std::move(make)));
    if (fd >= 0) ::close(fd);
    return absl::ErrnoToStatus(error, absl::StrCat("cannot reach the system's log at ", path));
  }

  ~SocketOutput() override { ::close(fd_); }

  bool Write(Level level, std::string_view module, std::string_view line) override {
    if (line.ends_with('\n')) line.remove_suffix(1);
    const std::string datagram = make_(level, module, line);
    ssize_t sent = 0;
    do {
      sent = ::sendto(fd_, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                      reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
  }

 private:
  SocketOutput(int fd, const sockaddr_un& address, MakeDatagram make)
      : fd_(fd), address_(address), make_(std::move(make)) {}

  const int fd_;
  const sockaddr_un address_;
  const MakeDatagram make_;
};

constexpr int kFacilityDaemon = 3 << 3;

}  // namespace

absl::StatusOr<std::unique_ptr<Output>> OpenFile(const std::string& path) {
  ASSIGN_OR_RETURN(const int fd, OpenForAppend(path));
  return std::make_unique<FileOutput>(path, fd);
}

absl::StatusOr<std::unique_ptr<Output>> OpenSyslog(const std::string& socket, Speaker speaker) {
  return SocketOutput::Open(
      socket, [speaker = std::move(speaker)](Level level, std::string_view, std::string_view line) {
        return absl::StrCat("<", kFacilityDaemon | Severity(level), ">",
                            absl::FormatTime("%b %e %H:%M:%S", absl::Now(), absl::LocalTimeZone()),
                            " mentat-", speaker.service, "[", ::getpid(),
                            "]: ", absl::string_view(line.data(), line.size()));
      });
}

absl::StatusOr<std::unique_ptr<Output>> OpenJournal(const std::string& socket, Speaker speaker) {
  return SocketOutput::Open(
      socket,
      [speaker = std::move(speaker)](Level level, std::string_view module, std::string_view line) {
        // A line has no newline in it, so that the plain form of fields does.
        return absl::StrCat("PRIORITY=", Severity(level), "\nSYSLOG_IDENTIFIER=mentat-",
                            speaker.service, "\nMENTAT_INSTANCE=", speaker.instance,
                            "\nMENTAT_MODULE=", absl::string_view(module.data(), module.size()),
                            "\nMESSAGE=", absl::string_view(line.data(), line.size()), "\n");
      });
}

}  // namespace mentat::log
