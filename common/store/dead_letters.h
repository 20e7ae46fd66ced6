// The table of dead letters: events that could not be processed, as they came.
//
// Stateless functions, thread-safe; a transaction is used by one thread at a time.
#ifndef COMMON_STORE_DEAD_LETTERS_H_
#define COMMON_STORE_DEAD_LETTERS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/store/connection.h"
#include "mentat/pipeline/v1/batch.pb.h"

namespace mentat::store {

// Puts an event among the dead letters. The same event for the same reason from the same stage is
// there once: its attempts and its last time change. `event` are the bytes as the pipeline carried
// them. A `received_time` of 0 is unknown, as is a time outside of the years 1 to 9999.
absl::Status InsertDeadLetter(Transaction& transaction, const pipeline::v1::DeadLetter& letter,
                              std::string_view event, int64_t received_time);

// A text as PostgreSQL can hold it: without U+0000, the longest beginning that has no more than
// `most` bytes and ends between two characters.
std::string Storable(std::string_view text, size_t most);

// The identifier of an event as the table has it.
std::string StorableEventId(std::string_view id);

// The text of a reason in the table: `malformed`, `too_large`, …
std::string ReasonName(pipeline::v1::Reason reason);

}  // namespace mentat::store

#endif  // COMMON_STORE_DEAD_LETTERS_H_
