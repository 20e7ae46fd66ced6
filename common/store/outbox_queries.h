// What people ask of the outbox: lists, counts, another try, an end.
//
// Stateless functions, thread-safe; a connection is used by one thread at a time. The errors are
// those of store::Connection. Times are microseconds since 1970-01-01T00:00:00Z, 0 where there is
// none.
#ifndef COMMON_STORE_OUTBOX_QUERIES_H_
#define COMMON_STORE_OUTBOX_QUERIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/store/connection.h"

namespace mentat::store {

// Which messages are meant: all conditions have to hold; one that is empty does.
struct OutboxFilter {
  std::vector<int64_t> ids;
  std::vector<std::string> kinds;
  std::vector<std::string> states;  // `pending`, `delivered`, `failed`

  bool IsEmpty() const { return ids.empty() && kinds.empty() && states.empty(); }
};

struct StoredOutboxMessage {
  int64_t id = 0;
  std::string kind;
  std::string key;
  std::string state;
  std::string last_error;
  uint64_t payload_bytes = 0;
  uint32_t attempts = 0;
  int64_t enqueue_time = 0;
  int64_t due_time = 0;
  int64_t end_time = 0;
};

// Newest first, those with a number below `before` if that is not 0, `limit` at the most.
absl::StatusOr<std::vector<StoredOutboxMessage>> ListOutbox(Connection& connection,
                                                            const OutboxFilter& filter,
                                                            int64_t before, size_t limit);

struct OutboxGroup {
  std::string kind;
  std::string state;
  uint64_t count = 0;
  int64_t first_time = 0;  // enqueued
};
absl::StatusOr<std::vector<OutboxGroup>> CountOutbox(Connection& connection,
                                                     const OutboxFilter& filter);

// Failed ones are pending again, as if they were new; pending ones are due now, so that one which
// is being delivered at this moment may be delivered twice. Returns how many.
absl::StatusOr<uint64_t> RetryOutbox(Connection& connection, const OutboxFilter& filter);
// Deletes them, but what is being delivered at this moment may still arrive. Returns how many.
absl::StatusOr<uint64_t> DiscardOutbox(Connection& connection, const OutboxFilter& filter);

}  // namespace mentat::store

#endif  // COMMON_STORE_OUTBOX_QUERIES_H_
