#include "common/service/reloader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"

namespace mentat::service {
namespace {

constexpr size_t kMaxIdBytes = 100;
// Files that change while they are read are read again so often.
constexpr int kAttempts = 3;

absl::Status CheckId(const std::string& id) {
  const bool fits =
      !id.empty() && id.size() <= kMaxIdBytes &&
      std::all_of(id.begin(), id.end(), [](char c) { return absl::ascii_isgraph(c); });
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("reload_id: expected 1 to ", kMaxIdBytes,
                                                 " printable ASCII characters without blanks"));
}

absl::Status Join(const absl::Status& one, const absl::Status& other) {
  if (one.ok() || other.ok()) return one.ok() ? other : one;
  return absl::Status(one.code(), absl::StrCat(one.message(), "\n", other.message()));
}

}  // namespace

Reloader::Reloader(Options options) : options_(std::move(options)) {
  in_use_.digest = options_.files.Digest();
}

// What is used belongs together: files that change meanwhile are read again.
absl::StatusOr<Reloader::Next> Reloader::Read() {
  for (int i = 0; i < kAttempts; ++i) {
    const std::string digest = options_.files.Digest();
    absl::StatusOr<Next> next = ReadOnce();
    if (options_.files.Digest() != digest) continue;
    if (next.ok()) next->digest = digest;
    return next;
  }
  return absl::AbortedError("the files change while they are read");
}

// The configuration is checked first, and used last.
absl::StatusOr<Reloader::Next> Reloader::ReadOnce() {
  Reconfiguration configuration;
  if (options_.reconfigure) {
    ASSIGN_OR_RETURN(configuration, options_.reconfigure());
  }
  ASSIGN_OR_RETURN(std::function<void()> service, options_.service->PrepareReload());
  Next next;
  next.postponed_keys = configuration.postponed_keys;
  next.use = [service = std::move(service), configuration = std::move(configuration.use)] {
    if (service) service();
    if (configuration) configuration();
  };
  return next;
}

void Reloader::Use(Next next, uint64_t version) {
  next.use();
  {
    const MutexLock lock(mutex_);
    in_use_ = {version, std::move(next.digest)};
  }
  ++reloads_;
  options_.log.Info("reloaded", {{"version", version}});
  for (const std::string& key : next.postponed_keys) {
    options_.log.Unlimited().Warning("this change of the configuration needs another start",
                                     {{"key", key}});
  }
}

absl::Status Reloader::Refuse(const absl::Status& status) {
  ++refused_;
  options_.log.Error("reload refused; what was loaded before stays in use", {{"error", status}});
  return status;
}

absl::Status Reloader::Reload() {
  const MutexLock work(work_mutex_);
  TakeHeld([](const Held&) { return true; });  // it would bring older things back
  absl::Status status;
  if (options_.stage != nullptr) {
    const absl::StatusOr<std::function<void()>> keys = options_.stage->PrepareKeys();
    if (keys.ok()) {
      (*keys)();
    } else {
      status = keys.status();
    }
  }
  absl::StatusOr<Next> next = Read();
  if (next.ok() && status.ok()) {
    Use(*std::move(next), 0);
    return absl::OkStatus();
  }
  status = Refuse(Join(next.status(), status));
  return absl::FailedPreconditionError(
      absl::StrCat("not reloaded, what was loaded before stays in use: ", status.message()));
}

absl::StatusOr<Reloader::Prepared> Reloader::PrepareReload(const std::string& id,
                                                           absl::Duration hold) {
  RETURN_IF_ERROR(CheckId(id));
  if (hold <= absl::ZeroDuration() || hold > kMaxHold) {
    return absl::InvalidArgumentError(absl::StrCat("hold: expected more than 0 and at the most ",
                                                   absl::FormatDuration(kMaxHold)));
  }
  const MutexLock work(work_mutex_);
  TakeHeld([](const Held&) { return true; });
  absl::StatusOr<std::function<void()>> keys = std::function<void()>();
  if (options_.stage != nullptr) keys = options_.stage->PrepareKeys();
  absl::StatusOr<Next> next = Read();
  Prepared prepared;
  if (const absl::Status status = Join(next.status(), keys.status()); !status.ok()) {
    Refuse(status).IgnoreError();
    prepared.errors = absl::StrSplit(status.message(), '\n', absl::SkipWhitespace());
    if (prepared.errors.empty()) prepared.errors.push_back(status.ToString());
    return prepared;
  }
  prepared.digest = next->digest;
  prepared.postponed_keys = next->postponed_keys;
  next->use = [use = std::move(next->use), keys = *std::move(keys)] {
    if (keys) keys();
    use();
  };
  options_.log.Info("reload prepared", {{"id", id}});
  const MutexLock lock(mutex_);
  held_ = Held{id, absl::Now() + hold, *std::move(next)};
  return prepared;
}

absl::Status Reloader::CommitReload(const std::string& id, uint64_t version) {
  RETURN_IF_ERROR(CheckId(id));
  const MutexLock work(work_mutex_);
  DropExpired();
  std::optional<Held> held = TakeHeld([&](const Held& held) { return held.id == id; });
  if (held.has_value()) {
    Use(std::move(held->next), version);
    const MutexLock lock(mutex_);
    committed_ = id;
    return absl::OkStatus();
  }
  const MutexLock lock(mutex_);
  if (committed_ == id) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("nothing is prepared under reload_id ", id,
                   ": it was never prepared, aborted, held for too long, or another reload came"));
}

void Reloader::AbortReload(const std::string& id) {
  const std::optional<Held> held = TakeHeld([&](const Held& held) { return held.id == id; });
  if (held.has_value()) options_.log.Info("prepared reload aborted", {{"id", id}});
}

void Reloader::DropExpired() {
  const absl::Time now = absl::Now();
  const std::optional<Held> held = TakeHeld([&](const Held& held) { return held.until <= now; });
  if (held.has_value()) {
    options_.log.Warning("prepared reload given up: nobody committed it in time",
                         {{"id", held->id}});
  }
}

// What is held, if it fulfils the condition; then it is held no longer. It may be large: whoever
// drops it does so without the mutex.
std::optional<Reloader::Held> Reloader::TakeHeld(
    const std::function<bool(const Held&)>& condition) {
  const MutexLock lock(mutex_);
  if (!held_.has_value() || !condition(*held_)) return std::nullopt;
  return std::exchange(held_, std::nullopt);
}

absl::StatusOr<Reloader::Files> Reloader::ReadFiles() {
  const MutexLock work(work_mutex_);
  ASSIGN_OR_RETURN(ReloadFiles::Listing listing, options_.files.Read());
  return Files{std::move(listing), options_.files.Digest()};
}

absl::StatusOr<uint32_t> Reloader::PutFiles(const std::vector<ReloadFiles::File>& files) {
  const MutexLock work(work_mutex_);
  ASSIGN_OR_RETURN(const uint32_t changed, options_.files.Put(files));
  options_.log.Info("files of a reload put by a call",
                    {{"files", uint64_t{files.size()}}, {"changed", uint64_t{changed}}});
  return changed;
}

Reloader::InUse Reloader::in_use() const {
  const MutexLock lock(mutex_);
  return in_use_;
}

}  // namespace mentat::service
