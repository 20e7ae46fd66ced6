#include "tools/mentatctl/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/base/unique_fd.h"

namespace mentat::mentatctl {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxOutputBytes = 4 << 20;

bool IsProgram(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

// One stream of the child.
struct Stream {
  UniqueFd end;
  std::string text;
};

// Reads both until they end: a child that fills one while nobody reads it would never end.
void ReadAll(std::array<Stream, 2>& streams) {
  std::array<char, 65536> buffer;
  while (streams[0].end.valid() || streams[1].end.valid()) {
    std::array<pollfd, 2> watched;
    for (size_t i = 0; i < 2; ++i) {
      watched[i] = {.fd = streams[i].end.get(), .events = POLLIN};
    }
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
    for (size_t i = 0; i < 2; ++i) {
      if (watched[i].fd < 0 || watched[i].revents == 0) continue;
      const ssize_t count = ::read(watched[i].fd, buffer.data(), buffer.size());
      if (count > 0) {
        const size_t room = kMaxOutputBytes - streams[i].text.size();
        streams[i].text.append(buffer.data(), std::min(room, static_cast<size_t>(count)));
      } else if (count == 0 || errno != EINTR) {
        streams[i].end.Reset();
      }
    }
  }
}

}  // namespace

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (IsProgram(name)) return name;
    return absl::NotFoundError(absl::StrCat(name, " is no program"));
  }
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error);
  if (!error && IsProgram(own.parent_path() / name)) return (own.parent_path() / name).string();
  const char* variable = std::getenv("PATH");
  std::istringstream folders(variable == nullptr ? "" : variable);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && IsProgram(fs::path(folder) / name)) {
      return (fs::path(folder) / name).string();
    }
  }
  return absl::NotFoundError(
      absl::StrCat("the program of the service ", name,
                   " is neither beside mentatctl nor in PATH; --program says "
                   "where it is"));
}

absl::StatusOr<Ended> RunProgram(const std::string& program,
                                 const std::vector<std::string>& arguments) {
  std::array<Stream, 2> streams;
  std::array<UniqueFd, 2> ends;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  for (size_t i = 0; i < 2; ++i) {
    int pair[2];
    if (::pipe2(pair, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "no pipe");
    streams[i].end = UniqueFd(pair[0]);
    ends[i] = UniqueFd(pair[1]);
    ::posix_spawn_file_actions_adddup2(&actions, pair[1], static_cast<int>(i) + STDOUT_FILENO);
  }
  std::vector<char*> words = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat(program, " cannot be started"));
  for (UniqueFd& end : ends) end.Reset();
  ReadAll(streams);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return Ended{.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
               .output = std::move(streams[0].text),
               .errors = std::move(streams[1].text)};
}

}  // namespace mentat::mentatctl
