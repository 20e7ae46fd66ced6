// The state folder's part on reloads: numbered reloads with their files, and the journal of what
// has begun. Each file is written whole or not at all, and is on the disk when the call returns.
#ifndef SERVICES_CONTROLLER_RELOAD_STORE_H_
#define SERVICES_CONTROLLER_RELOAD_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/base/unique_fd.h"
#include "common/service/log.h"
#include "mentat/controller/state/v1/reload_state.pb.h"

namespace mentat::controller {

// Thread-safe.
class ReloadStore {
 public:
  // Makes the folder if it is missing. `kept` is how many reloads keep their files.
  // FailedPrecondition if another controller uses the folder, Unavailable if a file cannot be read.
  // A damaged file is put aside as NAME.damaged, and logged.
  static absl::StatusOr<std::unique_ptr<ReloadStore>> Open(const std::string& folder, size_t kept,
                                                           log::Logger log);

  // Newest first.
  std::vector<v1::ReloadVersion> List() const;
  // Of the newest reload; 0 if there is none.
  uint64_t last_version() const;
  // NotFound if there is no such reload.
  absl::StatusOr<state::v1::KeptReload> Read(uint64_t version) const;
  // Also takes the files away from those that are too old for them, and forgets the oldest.
  absl::Status Keep(const state::v1::KeptReload& reload);

  // What has begun; nothing if there is nothing left to do.
  std::optional<state::v1::Journal> journal() const;
  absl::Status WriteJournal(const state::v1::Journal& journal);
  absl::Status RemoveJournal();

 private:
  ReloadStore(std::string folder, size_t kept, log::Logger log, UniqueFd lock);
  absl::Status Load();
  std::string PathOf(uint64_t version) const;

  const std::string folder_;
  const size_t kept_;
  const log::Logger log_;
  const UniqueFd lock_;

  mutable Mutex mutex_;
  std::map<uint64_t, v1::ReloadVersion> reloads_ ABSL_GUARDED_BY(mutex_);
  std::optional<state::v1::Journal> journal_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_RELOAD_STORE_H_
