#include "common/service/runlog/runlog_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/lock_file.h"
#include "common/base/status_macros.h"
#include "common/service/replace_file.h"
#include "google/protobuf/util/json_util.h"

namespace mentat::service {
namespace {

namespace fs = std::filesystem;
using stage::v1::Runlog;

constexpr char kEnding[] = ".runlog";
constexpr char kLock[] = ".lock";
// A run log is bounded where it is made; what is larger is none.
constexpr uintmax_t kMaxBytes = 1 << 20;
constexpr size_t kMaxFiles = 100'000;
constexpr int kMaxAttempts = 100;

std::string LockPathOf(const std::string& path) {
  return path.substr(0, path.size() - (sizeof(kEnding) - 1)) + kLock;
}

// Names of the service's files with this ending in order of time; of all services if it is empty.
absl::StatusOr<std::vector<std::string>> Names(const std::string& folder,
                                               const std::string& service,
                                               std::string_view ending) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(".") || !name.ends_with(ending)) continue;
    // `demo.TIME.PID.runlog`: the two parts before the ending have no dots.
    const std::string stem = name.substr(0, name.size() - ending.size());
    const size_t pid = stem.rfind('.');
    const size_t time = pid == std::string::npos || pid == 0 ? pid : stem.rfind('.', pid - 1);
    if (time == std::string::npos || time == 0) continue;
    if (!service.empty() && stem.substr(0, time) != service) continue;
    names.push_back(std::move(name));
    if (names.size() > kMaxFiles) {
      return absl::ResourceExhaustedError(
          absl::StrCat(folder, ": holds more than ", kMaxFiles, " run logs"));
    }
  }
  if (error) return absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status WriteRunlog(const std::string& path, const Runlog& runlog) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(runlog, &text, options);
  if (!status.ok()) {
    return absl::InternalError(absl::StrCat(path, ": no JSON: ", status.ToString()));
  }
  return ReplaceFiles({{path, &text}});
}

bool Running(const Runlog& runlog) { return runlog.result() == stage::v1::RUN_RESULT_RUNNING; }

void SetKilled(Runlog& runlog) {
  runlog.set_result(stage::v1::RUN_RESULT_KILLED);
  *runlog.mutable_end_time() = runlog.saved_time();
  runlog.set_reason(
      "the process came to no end of its own; the end time is when it was last heard of");
}

// Whether a process holds the lock. One that cannot be asked is taken to live.
bool Locked(const std::string& lock_path) {
  const UniqueFd file(::open(lock_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno != ENOENT;
  return ::flock(file.get(), LOCK_SH | LOCK_NB) != 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunlogFile>> RunlogFile::Create(const std::string& folder,
                                                               const std::string& service,
                                                               absl::Time start) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, ": cannot be made a folder: ", error.message()));
  }
  const std::string time = absl::FormatTime("%Y%m%dT%H%M%SZ", start, absl::UTCTimeZone());
  // Processes in containers may have the same number.
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const std::string stem = absl::StrCat(folder, "/", service, ".", time, ".", ::getpid(),
                                          attempt == 0 ? "" : absl::StrCat("-", attempt));
    absl::StatusOr<UniqueFd> lock = LockFile(stem + kLock);
    if (absl::IsFailedPrecondition(lock.status())) continue;
    if (!lock.ok()) return lock.status();
    if (fs::exists(stem + kEnding, error)) {
      ::unlink((stem + kLock).c_str());
      continue;
    }
    return std::unique_ptr<RunlogFile>(
        new RunlogFile(stem + kEnding, stem + kLock, *std::move(lock)));
  }
  return absl::ResourceExhaustedError(absl::StrCat(folder, ": no name is free for a run log"));
}

RunlogFile::~RunlogFile() { ::unlink(lock_path_.c_str()); }

absl::Status RunlogFile::Save(const Runlog& runlog) { return WriteRunlog(path_, runlog); }

absl::StatusOr<std::vector<Runlog>> CloseKilledRuns(const std::string& folder,
                                                    const std::string& service) {
  ASSIGN_OR_RETURN(const std::vector<std::string> locks, Names(folder, service, kLock));
  std::vector<Runlog> killed;
  for (const std::string& name : locks) {
    const std::string lock_path = absl::StrCat(folder, "/", name);
    const absl::StatusOr<UniqueFd> lock = LockFile(lock_path);
    if (!lock.ok()) continue;  // it lives
    const std::string path = lock_path.substr(0, lock_path.size() - (sizeof(kLock) - 1)) + kEnding;
    absl::StatusOr<Runlog> runlog = ReadRunlogFile(path);
    if (runlog.ok() && Running(*runlog)) {
      SetKilled(*runlog);
      RETURN_IF_ERROR(WriteRunlog(path, *runlog));
      killed.push_back(*std::move(runlog));
    }
    ::unlink(lock_path.c_str());
  }
  return killed;
}

absl::Status RemoveOldRuns(const std::string& folder, const std::string& service, size_t kept) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(folder, service, kEnding));
  size_t left = names.size();
  for (const std::string& name : names) {
    if (left <= kept) break;
    const std::string path = absl::StrCat(folder, "/", name);
    if (Locked(LockPathOf(path))) continue;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be removed"));
    }
    --left;
  }
  return absl::OkStatus();
}

absl::StatusOr<Runlog> ReadRunlogFile(const std::string& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat(path, ": ", error.message()));
  if (size > kMaxBytes)
    return absl::DataLossError(absl::StrCat(path, ": is larger than a run log"));
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in.is_open() || in.bad())
    return absl::UnavailableError(absl::StrCat(path, ": cannot be read"));
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  Runlog runlog;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &runlog, options);
  if (!status.ok()) {
    return absl::DataLossError(
        absl::StrCat(path, ": is no run log: ", std::string(status.message())));
  }
  return runlog;
}

absl::StatusOr<RunlogList> ListRunlogs(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(folder, "", kEnding));
  RunlogList list;
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(folder, "/", name);
    absl::StatusOr<Runlog> runlog = ReadRunlogFile(path);
    if (Running(runlog.value_or(Runlog())) && !Locked(LockPathOf(path))) {
      // It may have come to its end in between.
      runlog = ReadRunlogFile(path);
      if (runlog.ok() && Running(*runlog)) SetKilled(*runlog);
    }
    if (runlog.ok()) {
      list.runs.push_back({path, *std::move(runlog)});
    } else if (!absl::IsNotFound(runlog.status())) {
      list.wrong.push_back(runlog.status());
    }
  }
  std::stable_sort(list.runs.begin(), list.runs.end(), [](const auto& a, const auto& b) {
    return a.runlog.start_time().seconds() > b.runlog.start_time().seconds();
  });
  return list;
}

}  // namespace mentat::service
