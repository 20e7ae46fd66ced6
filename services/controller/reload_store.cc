#include "services/controller/reload_store.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/lock_file.h"
#include "common/base/status_macros.h"
#include "common/service/replace_file.h"

namespace mentat::controller {
namespace {

namespace fs = std::filesystem;

constexpr char kReloads[] = "/reloads";
constexpr char kJournal[] = "/journal.pb";
constexpr char kLock[] = "/lock";
constexpr char kEnding[] = ".pb";
// Reloads that are listed, with their files or without.
constexpr size_t kMaxListed = 1000;

// Only the owner reads it: configurations are nobody else's business.
absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error || ::chmod(path.c_str(), 0700) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": cannot be made a folder: ",
                     error ? error.message() : std::string(std::strerror(errno))));
  }
  return absl::OkStatus();
}

template <typename Message>
absl::Status ReadMessage(const std::string& path, Message& message) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in.is_open()) {
    return absl::Status(
        errno == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kUnavailable,
        absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  }
  if (!message.ParseFromIstream(&in))
    return absl::DataLossError(absl::StrCat(path, ": is damaged"));
  return absl::OkStatus();
}

template <typename Message>
absl::Status WriteMessage(const std::string& path, const Message& message) {
  const std::string content = message.SerializeAsString();
  return service::ReplaceFiles({{path, &content, 0600}});
}

// What a write left behind that a kill ended.
void RemoveTemporaries(const std::string& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(".")) fs::remove(entry.path(), error);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReloadStore>> ReloadStore::Open(const std::string& folder,
                                                               size_t kept, log::Logger log) {
  RETURN_IF_ERROR(MakeFolder(folder));
  RETURN_IF_ERROR(MakeFolder(folder + kReloads));
  absl::StatusOr<UniqueFd> lock = LockFile(folder + kLock);
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("state_dir: ", folder, " is used by another controller"));
  }
  if (!lock.ok()) return lock.status();
  std::unique_ptr<ReloadStore> store(
      new ReloadStore(folder, kept, std::move(log), *std::move(lock)));
  RETURN_IF_ERROR(store->Load());
  return store;
}

ReloadStore::ReloadStore(std::string folder, size_t kept, log::Logger log, UniqueFd lock)
    : folder_(std::move(folder)), kept_(kept), log_(std::move(log)), lock_(std::move(lock)) {}

absl::Status ReloadStore::Load() {
  RemoveTemporaries(folder_);
  RemoveTemporaries(folder_ + kReloads);
  const auto put_aside = [&](const std::string& path, const absl::Status& status) {
    log_.Error("a file of the state folder is put aside", {{"error", status}});
    std::error_code error;
    fs::rename(path, path + ".damaged", error);
  };
  std::error_code error;
  const MutexLock lock(mutex_);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_ + kReloads, error)) {
    uint64_t version = 0;
    if (entry.path().extension() != kEnding ||
        !absl::SimpleAtoi(entry.path().stem().string(), &version)) {
      continue;
    }
    state::v1::KeptReload kept;
    if (absl::Status status = ReadMessage(entry.path(), kept); !status.ok()) {
      if (!absl::IsDataLoss(status)) return status;
      put_aside(entry.path(), status);
      continue;
    }
    reloads_[version] = std::move(*kept.mutable_reload());
  }
  if (error) return absl::UnavailableError(absl::StrCat(folder_, kReloads, ": cannot be read"));
  state::v1::Journal journal;
  const std::string path = folder_ + kJournal;
  const absl::Status status = ReadMessage(path, journal);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  if (absl::IsDataLoss(status)) {
    put_aside(path, status);
    return absl::OkStatus();
  }
  // One that is there and cannot be read is not taken for none: something may be half done.
  RETURN_IF_ERROR(status);
  journal_ = std::move(journal);
  return absl::OkStatus();
}

std::string ReloadStore::PathOf(uint64_t version) const {
  return absl::StrFormat("%s%s/%010d%s", folder_, kReloads, version, kEnding);
}

std::vector<v1::ReloadVersion> ReloadStore::List() const {
  const MutexLock lock(mutex_);
  std::vector<v1::ReloadVersion> list;
  for (auto it = reloads_.rbegin(); it != reloads_.rend(); ++it) list.push_back(it->second);
  return list;
}

uint64_t ReloadStore::last_version() const {
  const MutexLock lock(mutex_);
  return reloads_.empty() ? 0 : reloads_.rbegin()->first;
}

absl::StatusOr<state::v1::KeptReload> ReloadStore::Read(uint64_t version) const {
  {
    const MutexLock lock(mutex_);
    if (!reloads_.contains(version)) {
      return absl::NotFoundError(absl::StrCat("there is no reload ", version));
    }
  }
  state::v1::KeptReload kept;
  RETURN_IF_ERROR(ReadMessage(PathOf(version), kept));
  return kept;
}

absl::Status ReloadStore::Keep(const state::v1::KeptReload& reload) {
  RETURN_IF_ERROR(WriteMessage(PathOf(reload.reload().version()), reload));
  const MutexLock lock(mutex_);
  reloads_[reload.reload().version()] = reload.reload();
  size_t with_files = 0;
  for (auto it = reloads_.rbegin(); it != reloads_.rend(); ++it) {
    auto& [version, old] = *it;
    if (!old.has_files() || ++with_files <= kept_) continue;
    old.set_has_files(false);
    state::v1::KeptReload without;
    *without.mutable_reload() = old;
    RETURN_IF_ERROR(WriteMessage(PathOf(version), without));
  }
  while (reloads_.size() > kMaxListed) {
    RETURN_IF_ERROR(service::ReplaceFiles({{PathOf(reloads_.begin()->first), nullptr}}));
    reloads_.erase(reloads_.begin());
  }
  return absl::OkStatus();
}

std::optional<state::v1::Journal> ReloadStore::journal() const {
  const MutexLock lock(mutex_);
  return journal_;
}

absl::Status ReloadStore::WriteJournal(const state::v1::Journal& journal) {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(WriteMessage(folder_ + kJournal, journal));
  journal_ = journal;
  return absl::OkStatus();
}

absl::Status ReloadStore::RemoveJournal() {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(service::ReplaceFiles({{folder_ + kJournal, nullptr}}));
  journal_.reset();
  return absl::OkStatus();
}

}  // namespace mentat::controller
