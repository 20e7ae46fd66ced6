#include "tools/ideagen/output.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mentat::ideagen {
namespace {

absl::Status Failure(std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(std::string(what), " ", path));
}

class StandardOutput : public Output {
 public:
  absl::Status Write(std::string_view, std::string_view content) override {
    if (fwrite(content.data(), 1, content.size(), stdout) != content.size() ||
        (!content.ends_with('\n') && fputc('\n', stdout) == EOF)) {
      return Failure("cannot write to", "standard output");
    }
    return absl::OkStatus();
  }
  bool HasRoom() override { return true; }
};

class DirectoryOutput : public Output {
 public:
  DirectoryOutput(std::string temporary, std::string final, uint64_t limit)
      : temporary_(std::move(temporary)), final_(std::move(final)), limit_(limit) {}

  absl::Status Write(std::string_view name, std::string_view content) override {
    const std::string from = absl::StrCat(temporary_, std::string(name));
    const std::string to = absl::StrCat(final_, "/", std::string(name));
    const int file = open(from.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) return Failure("cannot create", from);
    const ssize_t written = write(file, content.data(), content.size());
    const bool whole = written == static_cast<ssize_t>(content.size());
    if (close(file) != 0 || !whole) return Failure("cannot write", from);
    if (rename(from.c_str(), to.c_str()) != 0) return Failure("cannot rename into place", to);
    if (room_ > 0) --room_;
    return absl::OkStatus();
  }

  bool HasRoom() override {
    if (limit_ == 0 || room_ > 0) return true;
    // Counted only when all of the room last seen is used up: listing costs more than writing.
    uint64_t waiting = 0;
    DIR* directory = opendir(final_.c_str());
    if (directory == nullptr) return true;  // writing will say what is wrong
    while (const dirent* entry = readdir(directory)) {
      if (entry->d_name[0] != '.' && ++waiting >= limit_) break;
    }
    closedir(directory);
    room_ = limit_ - waiting;
    return room_ > 0;
  }

 private:
  const std::string temporary_;  // what to put before a name while the file is written
  const std::string final_;
  const uint64_t limit_;
  uint64_t room_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Output>> OpenOutput(const std::string& target, uint64_t limit) {
  if (target == "-") return std::make_unique<StandardOutput>();
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_directory(target + "/incoming", error) && fs::is_directory(target + "/tmp", error)) {
    return std::make_unique<DirectoryOutput>(target + "/tmp/", target + "/incoming", limit);
  }
  fs::create_directories(target, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make the directory ", target));
  }
  return std::make_unique<DirectoryOutput>(target + "/.", target, limit);
}

}  // namespace mentat::ideagen
