#include "services/filer_gateway/error_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/base/unique_fd.h"
#include "common/idea/time.h"
#include "nlohmann/json.hpp"
#include "services/filer_gateway/file_io.h"

namespace mentat::filer {
namespace {

// Names that are tried for one file before it is given up as trouble of the queue.
constexpr int kMaxNames = 10000;

std::string Numbered(const std::string& suffix, int number) {
  return number == 1 ? suffix : absl::StrCat(suffix, "~", number);
}

std::string TemporaryName(const std::string& final_name) {
  return absl::StrFormat(".mentat-%016x", StableHash(final_name));
}

bool Exists(int directory, const std::string& name) {
  struct stat status;
  return fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool Holds(int directory, const std::string& name, std::string_view content) {
  UniqueFd fd(openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (!fd.valid() || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<uint64_t>(status.st_size) != content.size()) {
    return false;
  }
  char buffer[65536];
  for (ssize_t got; (got = read(fd.get(), buffer, sizeof(buffer))) != 0;) {
    if (got < 0 || !content.starts_with(std::string_view(buffer, got))) return false;
    content.remove_prefix(got);
  }
  return content.empty();
}

}  // namespace

absl::Status ErrorFolder::WriteReason(const std::string& error_name, const std::string& name,
                                      uint64_t line, const Refusal& refusal) const {
  nlohmann::ordered_json reason;
  reason["file"] = name;
  if (line > 0) reason["line"] = line;
  reason["reason"] = refusal.reason;
  reason["stage"] = refusal.stage;
  if (!refusal.instance.empty()) reason["instance"] = refusal.instance;
  reason["message"] = refusal.message;
  if (!refusal.problems.empty()) {
    for (const idea::Problem& problem : refusal.problems) {
      reason["problems"].push_back({{"path", problem.path}, {"message", problem.message}});
    }
  }
  reason["time"] = idea::FormatTimestamp(refusal.time);
  const std::string text =
      reason.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const std::string final_name = FitName(error_name, ".reason");
  const std::string temporary = TemporaryName(final_name);
  RETURN_IF_ERROR(WriteFile(queue_.tmp(), temporary, text, false));
  if (renameat(queue_.tmp(), temporary.c_str(), queue_.errors(), final_name.c_str()) != 0) {
    return FileError("cannot move to errors", final_name);
  }
  return absl::OkStatus();
}

absl::Status ErrorFolder::Move(const std::string& name, const Refusal& refusal) const {
  if (!queue_.HasPending(name)) {
    return absl::NotFoundError(absl::StrCat("no longer in pending: ", name));
  }
  for (int number = 1; number <= kMaxNames; ++number) {
    const std::string error_name = FitName(name, Numbered("", number));
    if (Exists(queue_.errors(), error_name)) continue;
    // The reason goes first: after a crash in between, the file is still in pending and comes here
    // again, whereas a file without a reason would stay so.
    RETURN_IF_ERROR(WriteReason(error_name, name, 0, refusal));
    const absl::Status moved = MoveFile(queue_.pending(), name, queue_.errors(), error_name);
    if (absl::IsAlreadyExists(moved)) continue;
    return moved;
  }
  return absl::ResourceExhaustedError(absl::StrCat("errors holds too many files called ", name));
}

absl::Status ErrorFolder::Keep(const std::string& name, uint64_t line, std::string_view event,
                               const Refusal& refusal) const {
  for (int number = 1; number <= kMaxNames; ++number) {
    const std::string error_name = FitName(name, Numbered(absl::StrCat(".", line), number));
    if (Exists(queue_.errors(), error_name)) {
      if (!Holds(queue_.errors(), error_name, event)) continue;
      return WriteReason(error_name, name, line, refusal);
    }
    const std::string temporary = TemporaryName(error_name);
    RETURN_IF_ERROR(WriteFile(queue_.tmp(), temporary, event, true));
    RETURN_IF_ERROR(WriteReason(error_name, name, line, refusal));
    const absl::Status moved = MoveFile(queue_.tmp(), temporary, queue_.errors(), error_name);
    if (absl::IsAlreadyExists(moved)) continue;
    return moved;
  }
  return absl::ResourceExhaustedError(absl::StrCat("errors holds too many files called ", name));
}

absl::Status ErrorFolder::Sync() const {
  return SyncDirectory(queue_.errors(), queue_.path() + "/errors");
}

}  // namespace mentat::filer
