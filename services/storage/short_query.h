// Queries that look after the database beside the flow of events.
//
// Stateless functions, thread-safe; a connection is used by one thread at a time.
#ifndef SERVICES_STORAGE_SHORT_QUERY_H_
#define SERVICES_STORAGE_SHORT_QUERY_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/connection.h"

namespace mentat::storage {

// Runs a query that returns one number, in a transaction that does not wait long for locks: whoever
// waits for a lock on the whole table also stops all who come after.
absl::StatusOr<int64_t> QueryNumber(store::Connection& connection, std::string_view sql,
                                    std::initializer_list<store::Parameter> parameters);

std::string TimeParameter(absl::Time time);

inline absl::Duration Days(uint32_t count) { return absl::Hours(24) * static_cast<int64_t>(count); }

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_SHORT_QUERY_H_
