// One transaction: events into their table, each once, and dead letters beside them.
#ifndef SERVICES_STORAGE_WRITER_H_
#define SERVICES_STORAGE_WRITER_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "common/pipeline/item.h"
#include "common/store/connection.h"

namespace mentat::storage {

// An event on its way into the database.
struct Work {
  enum class Outcome { kStored, kDuplicate, kDeadLetter, kRefused, kHeartbeat };

  pipeline::Item* item = nullptr;
  // Why the event cannot be stored; if not empty, it is written as a dead letter of this stage.
  std::string refusal;
  // Valid once Write has returned OK.
  Outcome outcome = Outcome::kStored;
};

// Which stage and instance dead letters name.
struct Identity {
  std::string stage;
  std::string instance;
};

struct Written {
  size_t conflicts = 0;  // duplicates whose time of detection differs
};

// Writes all of `work` and commits. An event that has no row (no identifier, no time) gets its
// refusal here. The errors are those of store::Connection: InvalidArgument says that at least one
// of the rows is refused; after Unavailable all of it may have been committed, and writing it again
// is harmless.
absl::StatusOr<Written> Write(store::Connection& connection, const Identity& identity,
                              std::span<Work> work);

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_WRITER_H_
