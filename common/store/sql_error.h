// What an error of PostgreSQL means for the caller, by its SQLSTATE.
#ifndef COMMON_STORE_SQL_ERROR_H_
#define COMMON_STORE_SQL_ERROR_H_

#include <string_view>

#include "absl/status/status.h"

namespace mentat::store {

// The kinds are explained in connection.h. An empty state is Internal.
absl::StatusCode CodeOfSqlState(std::string_view state);

// A status with the server's message on one line and its SQLSTATE, cut to a few kilobytes.
absl::Status SqlError(std::string_view state, std::string_view message);

}  // namespace mentat::store

#endif  // COMMON_STORE_SQL_ERROR_H_
