#include "common/service/replace_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::service {
namespace {

absl::Status Error(std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": ", std::string(what)));
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Writes a hidden file beside the place; its name is in `temporary` as soon as it is there.
absl::Status WriteBeside(const Replacement& replacement, std::string& temporary) {
  const std::string& path = replacement.path;
  std::string name = absl::StrCat(FolderOf(path), "/.",
                                  std::filesystem::path(path).filename().string(), ".XXXXXX");
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return Error("no file can be made in its folder", path);
  temporary = name;
  const absl::Cleanup close = [fd] { ::close(fd); };
  RETURN_IF_ERROR(WriteAll(fd, *replacement.content, path));
  struct stat before {};
  const bool exists = ::stat(path.c_str(), &before) == 0;
  // Only root may give a file away; else it is the writer's.
  if (exists && ::fchown(fd, before.st_uid, before.st_gid) != 0) errno = 0;
  if (::fchmod(fd, exists ? before.st_mode & 07777 : replacement.new_mode) != 0) {
    return Error("its mode cannot be set", path);
  }
  if (::fsync(fd) != 0) return Error("cannot be written", path);
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error("cannot be written", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::string folder = FolderOf(path);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Error("cannot be opened", folder);
  const absl::Cleanup close = [fd] { ::close(fd); };
  if (::fsync(fd) != 0) return Error("cannot be written", folder);
  return absl::OkStatus();
}

absl::Status ReplaceFiles(const std::vector<Replacement>& replacements) {
  std::vector<std::pair<std::string, std::string>> written;  // temporary, path
  const absl::Cleanup remove_rest = [&written] {
    for (const auto& [temporary, path] : written) {
      if (!temporary.empty()) ::unlink(temporary.c_str());
    }
  };
  std::map<std::string, std::string> folders;  // to one of its paths
  for (const Replacement& each : replacements) {
    folders[FolderOf(each.path)] = each.path;
    if (each.content == nullptr) continue;
    RETURN_IF_ERROR(WriteBeside(each, written.emplace_back("", each.path).first));
  }
  for (auto& [temporary, path] : written) {
    if (::rename(temporary.c_str(), path.c_str()) != 0) return Error("cannot be replaced", path);
    temporary.clear();
  }
  for (const Replacement& each : replacements) {
    if (each.content == nullptr && ::unlink(each.path.c_str()) != 0 && errno != ENOENT) {
      return Error("cannot be removed", each.path);
    }
  }
  for (const auto& [folder, path] : folders) RETURN_IF_ERROR(SyncFolderOf(path));
  return absl::OkStatus();
}

}  // namespace mentat::service
