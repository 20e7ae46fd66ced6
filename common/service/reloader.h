// Reloads: of one instance at once, or in two halves, so that many instances take something new
// into use only if nothing is wrong on any of them. Both read, check and use the same way.
#ifndef COMMON_SERVICE_RELOADER_H_
#define COMMON_SERVICE_RELOADER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/pipeline/stage.h"
#include "common/service/log.h"
#include "common/service/reload_files.h"
#include "common/service/service.h"

namespace mentat::service {

// A configuration that was read again.
struct Reconfiguration {
  std::function<void()> use;                // brings into use what can be without another start
  std::vector<std::string> postponed_keys;  // the others that have changed
};

// Thread-safe.
class Reloader {
 public:
  static constexpr absl::Duration kDefaultHold = absl::Minutes(1);
  static constexpr absl::Duration kMaxHold = absl::Minutes(10);

  struct Options {
    log::Logger log = log::Logger::Null();
    Service* service = nullptr;        // outlives this
    pipeline::Stage* stage = nullptr;  // likewise; null without a pipeline
    // Reads the configuration again; null if there is nothing to read.
    std::function<absl::StatusOr<Reconfiguration>()> reconfigure;
    ReloadFiles files;
  };

  struct Prepared {
    std::vector<std::string> errors;  // lines; if there are none, it is kept
    std::string digest;               // of the files
    std::vector<std::string> postponed_keys;
  };

  // What is in use.
  struct InUse {
    uint64_t version = 0;  // that of the last CommitReload; 0 since the start or another reload
    std::string digest;    // of the files that were read last
  };

  explicit Reloader(Options options);

  // All of it or nothing, but for the keys, which are used in any case: a revoked one cannot wait
  // until the rules are right. FailedPrecondition with what is wrong.
  absl::Status Reload();

  // Reads and checks everything, and keeps it under `id` for CommitReload. It is given up after
  // `hold` and by the next Reload or PrepareReload. InvalidArgument for an id or a time that
  // cannot be; what is wrong with the files is in the answer.
  absl::StatusOr<Prepared> PrepareReload(const std::string& id, absl::Duration hold);
  // FailedPrecondition if nothing was prepared under this id. A second time it does nothing.
  absl::Status CommitReload(const std::string& id, uint64_t version);
  void AbortReload(const std::string& id);
  // Gives up what has been held for too long. Never waits; call it every second or so.
  void DropExpired();

  struct Files {
    ReloadFiles::Listing listing;
    std::string digest;
  };
  absl::StatusOr<Files> ReadFiles();
  // How many have changed.
  absl::StatusOr<uint32_t> PutFiles(const std::vector<ReloadFiles::File>& files);

  InUse in_use() const;
  // Since the start.
  uint64_t reloads() const { return reloads_; }
  uint64_t refused() const { return refused_; }

 private:
  // Something read and checked.
  struct Next {
    std::function<void()> use;
    std::string digest;
    std::vector<std::string> postponed_keys;
  };
  struct Held {
    std::string id;
    absl::Time until;
    Next next;
  };

  absl::StatusOr<Next> Read();
  absl::StatusOr<Next> ReadOnce();
  void Use(Next next, uint64_t version);
  absl::Status Refuse(const absl::Status& status);
  std::optional<Held> TakeHeld(const std::function<bool(const Held&)>& condition);

  const Options options_;
  std::atomic<uint64_t> reloads_ = 0;
  std::atomic<uint64_t> refused_ = 0;

  Mutex work_mutex_;  // one of them reads, uses or puts at a time
  mutable Mutex mutex_;
  std::optional<Held> held_ ABSL_GUARDED_BY(mutex_);
  std::string committed_ ABSL_GUARDED_BY(mutex_);  // id of the last commit
  InUse in_use_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_RELOADER_H_
