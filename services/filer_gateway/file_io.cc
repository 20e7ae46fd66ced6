#include "services/filer_gateway/file_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/base/unique_fd.h"
#include "services/filer_gateway/queue.h"

namespace mentat::filer {

std::string FitName(std::string_view name, std::string_view suffix) {
  if (name.size() + suffix.size() <= kMaxNameBytes) {
    return absl::StrCat(std::string(name), std::string(suffix));
  }
  const std::string hash = absl::StrFormat("~%016x", StableHash(name));
  size_t kept = kMaxNameBytes - suffix.size() - hash.size();
  // Never in the middle of a UTF-8 character.
  while (kept > 0 && (static_cast<unsigned char>(name[kept]) & 0xc0) == 0x80) --kept;
  return absl::StrCat(std::string(name.substr(0, kept)), hash, std::string(suffix));
}

uint64_t StableHash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

absl::Status WriteAll(int fd, std::string_view content, std::string_view name) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return FileError("cannot write", name);
    }
    content.remove_prefix(written);
  }
  return absl::OkStatus();
}

absl::Status WriteFile(int directory, const std::string& name, std::string_view content,
                       bool sync) {
  UniqueFd fd(openat(directory, name.c_str(),
                     O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
  if (!fd.valid()) return FileError("cannot create", name);
  RETURN_IF_ERROR(WriteAll(fd.get(), content, name));
  if (sync && fdatasync(fd.get()) != 0) return FileError("cannot sync", name);
  if (close(fd.Release()) != 0) return FileError("cannot close", name);
  return absl::OkStatus();
}

absl::Status SyncDirectory(int directory, std::string_view name) {
  if (fsync(directory) != 0) return FileError("cannot sync the directory", name);
  return absl::OkStatus();
}

}  // namespace mentat::filer
