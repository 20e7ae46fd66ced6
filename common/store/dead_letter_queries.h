// What people ask of the table of dead letters: pages, counts, single ones, and their end.
// dead_letter_replay.h sends them again.
//
// Stateless functions, thread-safe; a connection is used by one thread at a time. The errors are
// those of store::Connection. Times are microseconds since 1970-01-01T00:00:00Z, 0 where there is
// none.
#ifndef COMMON_STORE_DEAD_LETTER_QUERIES_H_
#define COMMON_STORE_DEAD_LETTER_QUERIES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/store/connection.h"

namespace mentat::store {

// Which dead letters are meant: all conditions have to hold; one that is empty does.
struct DeadLetterFilter {
  std::vector<int64_t> ids;
  std::vector<std::string> reasons;
  std::vector<std::string> stages;
  std::vector<std::string> instances;
  std::vector<std::string> rules;
  std::optional<int64_t> from;  // rejected last at this time or later
  std::optional<int64_t> to;    // rejected last before this time
  std::string text;             // the identifier of the event, or a part of the message in any case

  bool IsEmpty() const;
};

// The filter as a condition of SQL; what it compares with is appended to `parameters`.
std::string Condition(const DeadLetterFilter& filter, std::vector<Parameter>& parameters);

struct StoredDeadLetter {
  int64_t id = 0;
  std::string reason;  // `poison`
  std::string stage;
  std::string instance;
  std::string rule;  // empty if it failed on none
  std::string message;
  std::string event_id;      // empty if it is not known
  std::string event_format;  // `protobuf` or `raw`
  uint64_t event_bytes = 0;
  int64_t received_time = 0;
  int64_t first_time = 0;
  int64_t last_time = 0;
  uint32_t attempts = 0;
  int64_t replay_time = 0;  // since when it is on its way again
};

// Where a page ends; pages stay what they are while letters come and go.
struct DeadLetterPosition {
  int64_t last_time = 0;
  int64_t id = 0;
};

// Newest first, with the beginnings of their messages, from the one after `after` on, `limit` at
// the most.
absl::StatusOr<std::vector<StoredDeadLetter>> ListDeadLetters(
    Connection& connection, const DeadLetterFilter& filter,
    const std::optional<DeadLetterPosition>& after, size_t limit);

struct DeadLetterGroup {
  std::string reason;
  std::string stage;
  std::string rule;
  std::string message;  // beginning of that of the newest
  uint64_t count = 0;
  int64_t first_time = 0;
  int64_t last_time = 0;
};

struct DeadLetterCounts {
  uint64_t total = 0;
  std::vector<DeadLetterGroup> groups;  // the largest first, `limit` at the most
};
absl::StatusOr<DeadLetterCounts> CountDeadLetters(Connection& connection,
                                                  const DeadLetterFilter& filter, size_t limit);

struct DeadLetterWithEvent {
  StoredDeadLetter letter;
  std::string event;  // as `event_format` says
};
// NotFound if there is none with this identifier.
absl::StatusOr<DeadLetterWithEvent> GetDeadLetter(Connection& connection, int64_t id);

// Deletes all that are meant and are there now, so many in a transaction that nobody waits for it.
// `deleted` counts, also where it ends with an error.
absl::Status DiscardDeadLetters(Connection& connection, const DeadLetterFilter& filter,
                                uint64_t* deleted);

}  // namespace mentat::store

#endif  // COMMON_STORE_DEAD_LETTER_QUERIES_H_
