// The table of networks in the database, kept fresh.
#ifndef SERVICES_ENRICHER_NETWORK_SOURCE_H_
#define SERVICES_ENRICHER_NETWORK_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/service/log.h"
#include "common/store/connection.h"
#include "services/enricher/metrics.h"
#include "services/enricher/network_table.h"

namespace mentat::enricher {

// Thread-safe.
class NetworkSource {
 public:
  // `metrics` outlives this. Nothing is connected before the first refresh.
  NetworkSource(store::ConnectionOptions options, const log::Logger& log, Metrics* metrics);

  // Reads the table if it has changed since the last time, or if `always`. An error leaves the
  // table in use as it is; it is logged when it is another one than the last time. What blocks in
  // the database is cut when `stop` is requested.
  absl::Status Refresh(bool always, std::stop_token stop);
  // Reads the table; what it returns takes it into use, unless a newer one is by then.
  absl::StatusOr<std::function<void()>> PrepareRefresh();

  // The table; waits for the first one. Null if `stop` is requested meanwhile.
  std::shared_ptr<const NetworkTable> Get(std::stop_token stop) const;

  // OK once there is a table, however old. Else why there is none.
  absl::Status Ready() const;

  // For people: how many networks, since when.
  std::string Details() const;

 private:
  struct Loaded {
    int64_t version = 0;
    std::shared_ptr<const NetworkTable> table;  // null if it is in use already
  };

  absl::StatusOr<Loaded> Load(bool always, std::stop_token stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_);
  absl::StatusOr<Loaded> TryLoad(bool always, std::stop_token stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_);
  absl::StatusOr<Loaded> Read(store::Connection& connection, bool always)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_);
  void Use(const Loaded& loaded);

  const store::ConnectionOptions options_;
  const log::Logger log_;
  Metrics* const metrics_;

  Mutex refresh_mutex_;  // one refresh at a time
  std::unique_ptr<store::Connection> connection_ ABSL_GUARDED_BY(refresh_mutex_);

  mutable Mutex mutex_;
  mutable CondVar loaded_;
  std::shared_ptr<const NetworkTable> table_ ABSL_GUARDED_BY(mutex_);
  std::optional<int64_t> version_ ABSL_GUARDED_BY(mutex_);  // of table_
  int64_t loaded_at_ ABSL_GUARDED_BY(mutex_) = 0;           // Unix seconds
  absl::Status status_ ABSL_GUARDED_BY(mutex_) = absl::UnavailableError("not read yet");
};

}  // namespace mentat::enricher

#endif  // SERVICES_ENRICHER_NETWORK_SOURCE_H_
