#include "services/filer_gateway/scanner.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/unique_fd.h"
#include "services/filer_gateway/queue.h"

namespace mentat::filer {
namespace {

constexpr uint64_t kAgedFiles = 1000;  // looked at for the age of a backlog

}  // namespace

void Scanner::Close::operator()(DIR* stream) const { closedir(stream); }

absl::StatusOr<Scanner::Stream> Scanner::OpenStream(int directory, const std::string& name) {
  // A descriptor of its own, for the position in a directory belongs to the open file.
  UniqueFd fd(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return FileError("cannot open the directory", name);
  Stream stream(fdopendir(fd.get()));
  if (stream == nullptr) return FileError("cannot list the directory", name);
  fd.Release();
  return stream;
}

absl::Status Scanner::Start() {
  ASSIGN_OR_RETURN(stream_, OpenStream(directory_, name_));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Scanner::Next() {
  struct Aged {
    timespec changed;
    std::string name;
  };
  std::vector<Aged> found;
  while (stream_ != nullptr && found.size() < chunk_) {
    errno = 0;
    const dirent* entry = readdir(stream_.get());
    if (entry == nullptr) {
      const int error = errno;
      stream_.reset();
      errno = error;
      if (error != 0) return FileError("cannot list the directory", name_);
      break;
    }
    if (entry->d_name[0] == '.') continue;
    struct stat status;
    if (fstatat(directory_, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    found.push_back({status.st_mtim, entry->d_name});
  }
  std::sort(found.begin(), found.end(), [](const Aged& a, const Aged& b) {
    return std::pair(a.changed.tv_sec, a.changed.tv_nsec) <
           std::pair(b.changed.tv_sec, b.changed.tv_nsec);
  });
  std::vector<std::string> names;
  names.reserve(found.size());
  for (Aged& file : found) names.push_back(std::move(file.name));
  return names;
}

absl::StatusOr<Backlog> LookAtBacklog(int directory, const std::string& name, uint64_t limit) {
  Scanner scanner(directory, name, kAgedFiles);
  RETURN_IF_ERROR(scanner.Start());
  Backlog backlog;
  while (scanner.active() && backlog.files < limit) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, scanner.Next());
    struct stat status;
    if (backlog.files == 0 && !names.empty() &&
        fstatat(directory, names.front().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      backlog.oldest_seconds = status.st_mtim.tv_sec;
    }
    backlog.files += names.size();
  }
  return backlog;
}

absl::StatusOr<uint64_t> CountFiles(int directory, const std::string& name, uint64_t limit) {
  ASSIGN_OR_RETURN(const Scanner::Stream stream, Scanner::OpenStream(directory, name));
  uint64_t count = 0;
  while (count < limit) {
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') ++count;
  }
  return count;
}

}  // namespace mentat::filer
