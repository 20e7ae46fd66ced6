#include "common/store/migrations.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"

namespace mentat::store {
namespace {

// Key of the advisory lock: "mentat" in ASCII.
constexpr char kLockKey[] = "120265401262452";

std::string Title(int version, std::string_view name) {
  return absl::StrCat(absl::Dec(version, absl::kZeroPad4), "_", std::string(name));
}

absl::StatusOr<std::string> Checksum(Connection& connection, std::string_view sql) {
  ASSIGN_OR_RETURN(const Result result,
                   connection.Execute("SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')",
                                      {std::string(sql)}));
  return std::string(result.Text(0, 0));
}

absl::Status VersionError(int found, int needed) {
  return absl::FailedPreconditionError(
      absl::StrCat("the database's schema has version ", found, ", this program needs version ",
                   needed, found < needed ? ": run mentat-migrate" : ": install a newer Mentat"));
}

absl::Status Apply(Connection& connection, const Migration& migration) {
  const absl::Time begin = absl::Now();
  ASSIGN_OR_RETURN(const std::string checksum, Checksum(connection, migration.sql));
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  RETURN_IF_ERROR(transaction->ExecuteScript(migration.sql));
  RETURN_IF_ERROR(
      transaction
          ->Execute("INSERT INTO schema_migrations (version, name, checksum, seconds) "
                    "VALUES ($1::int, $2, $3, $4::float8)",
                    {absl::StrCat(migration.version), std::string(migration.name), checksum,
                     absl::StrCat(absl::ToDoubleSeconds(absl::Now() - begin))})
          .status());
  return transaction->Commit();
}

absl::Status MigrateLocked(Connection& connection, std::span<const Migration> migrations,
                           const std::function<void(std::string_view)>& progress) {
  ASSIGN_OR_RETURN(const Result encoding, connection.Execute("SHOW server_encoding"));
  if (encoding.Text(0, 0) != "UTF8") {
    return absl::FailedPreconditionError(absl::StrCat(
        "the database's encoding is ", std::string(encoding.Text(0, 0)), ", it has to be UTF8"));
  }
  ASSIGN_OR_RETURN(const std::vector<AppliedMigration> applied, ReadAppliedMigrations(connection));
  if (applied.empty()) {
    RETURN_IF_ERROR(connection
                        .Execute("CREATE TABLE IF NOT EXISTS schema_migrations ("
                                 "version integer PRIMARY KEY, name text NOT NULL, "
                                 "checksum text NOT NULL, seconds float8 NOT NULL, "
                                 "time timestamptz NOT NULL DEFAULT now())")
                        .status());
  }
  if (applied.size() > migrations.size()) {
    return VersionError(static_cast<int>(applied.size()), static_cast<int>(migrations.size()));
  }
  for (size_t i = 0; i < applied.size(); ++i) {
    ASSIGN_OR_RETURN(const std::string checksum, Checksum(connection, migrations[i].sql));
    if (applied[i].version != migrations[i].version || applied[i].checksum != checksum) {
      return absl::FailedPreconditionError(
          absl::StrCat("migration ", Title(applied[i].version, applied[i].name),
                       " was applied with another content than this program's ",
                       Title(migrations[i].version, migrations[i].name)));
    }
  }
  for (const Migration& migration : migrations.subspan(applied.size())) {
    const std::string title = Title(migration.version, migration.name);
    progress(absl::StrCat("applying ", title));
    const absl::Status status = Apply(connection, migration);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("migration ", title, ": ", status.message()));
    }
  }
  progress(absl::StrCat("the schema has version ", migrations.size(),
                        ", applied now: ", migrations.size() - applied.size()));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<AppliedMigration>> ReadAppliedMigrations(Connection& connection) {
  std::vector<AppliedMigration> applied;
  ASSIGN_OR_RETURN(const Result table,
                   connection.Execute("SELECT to_regclass('schema_migrations')"));
  if (table.IsNull(0, 0)) return applied;
  ASSIGN_OR_RETURN(
      const Result rows,
      connection.Execute(
          "SELECT version, name, time, checksum FROM schema_migrations ORDER BY version"));
  for (size_t row = 0; row < rows.rows(); ++row) {
    applied.push_back({static_cast<int>(rows.Int(row, 0)), std::string(rows.Text(row, 1)),
                       std::string(rows.Text(row, 2)), std::string(rows.Text(row, 3))});
  }
  return applied;
}

absl::Status Migrate(Connection& connection, std::span<const Migration> migrations,
                     const std::function<void(std::string_view)>& progress) {
  RETURN_IF_ERROR(connection.Execute("SELECT pg_advisory_lock($1::bigint)", {kLockKey}).status());
  // A connection that is lost gives the lock back by itself.
  absl::Cleanup unlock = [&connection] {
    connection.Execute("SELECT pg_advisory_unlock($1::bigint)", {kLockKey}).IgnoreError();
  };
  return MigrateLocked(connection, migrations, progress);
}

absl::Status CheckSchema(Connection& connection) {
  ASSIGN_OR_RETURN(const std::vector<AppliedMigration> applied, ReadAppliedMigrations(connection));
  const int found = applied.empty() ? 0 : applied.back().version;
  const int needed = static_cast<int>(Migrations().size());
  return found == needed ? absl::OkStatus() : VersionError(found, needed);
}

}  // namespace mentat::store
