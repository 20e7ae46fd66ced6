#include "common/base/secret_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

absl::Status CannotRead(const std::string& path, int error) {
  return absl::NotFoundError(absl::StrCat("cannot read ", path, ": ", std::strerror(error)));
}

int64_t Nanos(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (stream.fail() && !stream.eof())) return CannotRead(path, errno);
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": over ", kMaxBytes, " bytes"));
  }
  return text;
}

absl::Status CheckSecretFile(const std::string& path) {
  struct stat seen = {};
  if (::stat(path.c_str(), &seen) != 0) return CannotRead(path, errno);
  constexpr mode_t kForbidden = S_IRWXO | S_IWGRP;
  if ((seen.st_mode & kForbidden) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": has mode ", absl::Hex((seen.st_mode >> 6) & 7), absl::Hex((seen.st_mode >> 3) & 7),
        absl::Hex(seen.st_mode & 7),
        ", so that others can read or change the secret in it: chmod 600 it, or 640 for a group"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  RETURN_IF_ERROR(CheckSecretFile(path));
  return ReadSmallFile(path);
}

FileStamp StampOf(const std::string& path) {
  struct stat seen = {};
  if (::stat(path.c_str(), &seen) != 0) return {};
  return {seen.st_dev, seen.st_ino, seen.st_size, Nanos(seen.st_mtim), Nanos(seen.st_ctim)};
}

}  // namespace mentat
