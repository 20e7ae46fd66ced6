// The database's schema: numbered migrations, embedded in the program, applied in their order.
// docs/database.md describes the tables.
//
// Thread-safe; a connection is used by one thread at a time.
#ifndef COMMON_STORE_MIGRATIONS_H_
#define COMMON_STORE_MIGRATIONS_H_

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/connection.h"

namespace mentat::store {

struct Migration {
  int version;            // from 1, without gaps
  std::string_view name;  // `events`
  std::string_view sql;
};

// All that the program knows, in order; their number is the version of the schema that it needs.
std::span<const Migration> Migrations();

// A migration that is recorded in the database.
struct AppliedMigration {
  int version = 0;
  std::string name;
  std::string time;
  std::string checksum;  // SHA-256 of the SQL, in hexadecimal
};

// Empty for a database without the schema.
absl::StatusOr<std::vector<AppliedMigration>> ReadAppliedMigrations(Connection& connection);

// Applies what is missing, each in a transaction of its own, and tells `progress` of each. Safe
// when two do it at once: the second one waits. FailedPrecondition when the database is newer than
// the program, when an applied migration is not what the program knows under its number, or when
// the database's encoding is not UTF8. The connection should have no statement time-out.
absl::Status Migrate(Connection& connection, std::span<const Migration> migrations,
                     const std::function<void(std::string_view)>& progress);

// FailedPrecondition with both numbers unless the schema has the version that the program needs.
absl::Status CheckSchema(Connection& connection);

}  // namespace mentat::store

#endif  // COMMON_STORE_MIGRATIONS_H_
