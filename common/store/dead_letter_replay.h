// Dead letters on their way through the pipeline again. A letter that is taken is marked with the
// time; it goes when its event has been settled well, or has become another letter; else it stays,
// with one attempt more. So whatever dies, nothing is lost: a mark that nobody minds any more is
// resolved by what the database says of its event.
//
// Stateless functions, thread-safe; a connection is used by one thread at a time. The errors are
// those of store::Connection.
#ifndef COMMON_STORE_DEAD_LETTER_REPLAY_H_
#define COMMON_STORE_DEAD_LETTER_REPLAY_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/connection.h"
#include "common/store/dead_letter_queries.h"

namespace mentat::store {

// A letter that is taken to be sent.
struct ReplayLetter {
  int64_t id = 0;
  uint32_t attempts = 0;
  std::string event;     // mentat.idea.v1.Event, serialised
  std::string event_id;  // as the event has it
  int64_t received_time = 0;
};

// A letter whose bytes are no event.
struct UnreadableLetter {
  int64_t id = 0;
  std::string error;
};

struct TakenLetters {
  std::vector<ReplayLetter> letters;
  std::vector<UnreadableLetter> unreadable;
  int64_t last_id = 0;  // of all that were looked at; 0 if there was none
};

// Which letters are taken: those of the filter with identifiers above `after` and up to `last`, in
// the order of their identifiers, but for one that somebody else is taking at this moment.
struct TakeOptions {
  DeadLetterFilter filter;
  int64_t after = 0;
  int64_t last = 0;
  uint32_t most_letters = 0;
  uint64_t most_bytes = 0;  // a single larger one excepted
};
absl::StatusOr<TakenLetters> TakeForReplay(Connection& connection, const TakeOptions& options);

// What became of a letter's event.
struct ReplayOutcome {
  int64_t id = 0;
  uint32_t attempts = 0;  // as they were when it was taken
  std::string event_id;
  bool rejected = false;
  // Of the new rejection; empty where nobody said.
  std::string stage;
  std::string reason;
};

// All in one transaction. Doing it again is harmless.
absl::Status SettleReplay(Connection& connection, std::span<const ReplayOutcome> outcomes);

// The marks of letters that were not sent after all are taken away.
absl::Status ReleaseReplay(Connection& connection, std::span<const ReplayLetter> letters);

// Resolves the marks of letters but those in `on_their_way`. Returns how many are resolved.
absl::StatusOr<uint64_t> ResolveReplays(Connection& connection,
                                        std::span<const int64_t> on_their_way);

}  // namespace mentat::store

#endif  // COMMON_STORE_DEAD_LETTER_REPLAY_H_
