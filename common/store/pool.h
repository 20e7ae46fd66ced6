// Connections to one database, for threads that need one now and then.
//
// Thread-safe.
#ifndef COMMON_STORE_POOL_H_
#define COMMON_STORE_POOL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/store/connection.h"

namespace mentat::store {

class Pool {
 public:
  // `most` connections are open at a time; who needs one more waits for `patience`.
  Pool(ConnectionOptions options, size_t most, absl::Duration patience)
      : options_(std::move(options)), most_(most), patience_(patience) {}

  // Does something on a connection that stands, to a database with the schema that the program
  // needs. The errors of `action` are handed on, after Unavailable or Internal without the
  // connection. Else it is Unavailable if the database is away or all connections are in use, and
  // FailedPrecondition with another schema; then nothing has been done.
  absl::Status Use(const std::function<absl::Status(Connection&)>& action);

 private:
  absl::StatusOr<std::unique_ptr<Connection>> Take();

  const ConnectionOptions options_;
  const size_t most_;
  const absl::Duration patience_;
  Mutex mutex_;
  CondVar given_back_;
  size_t in_use_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::store

#endif  // COMMON_STORE_POOL_H_
