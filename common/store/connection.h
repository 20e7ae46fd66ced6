// A connection to PostgreSQL: parameterised queries, transactions, COPY. libpqxx ends at this
// border.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<store::Connection> connection,
//   store::Connection::Open(options)); ASSIGN_OR_RETURN(store::Result result,
//                    connection->Execute("SELECT name FROM abuse_groups WHERE source = $1",
//                    {"whois"}));
//
// What an error's code says:
//   Unavailable         no connection, or lost; the server starts, stops, is full, read-only, out
//   of disk.
//                       Open a new connection and try again. A commit may or may not have happened.
//   Aborted             deadlock, serialisation failure, lock or statement time-out: try again.
//   InvalidArgument     the data was refused: the same data will be refused again.
//   FailedPrecondition  the schema is not as expected: a table or a column is missing.
//   PermissionDenied    the role may not do this.
//   Internal            anything else.
// The message is the server's, on one line, with its SQLSTATE; the connection string is never in
// it.
//
// A connection is used by one thread at a time, Interrupt excepted.
#ifndef COMMON_STORE_CONNECTION_H_
#define COMMON_STORE_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mentat::store {

struct ConnectionOptions {
  std::string dsn;  // as libpq takes it, keywords or URI; empty is the environment (PGHOST, …)
  absl::Duration connect_timeout = absl::Seconds(5);
  absl::Duration statement_timeout = absl::Seconds(60);  // zero is none
  std::string application_name;                          // shown in pg_stat_activity
};

// A parameter in PostgreSQL's text form; without a value it is NULL.
using Parameter = std::optional<std::string>;

// The rows that a query returned, as texts. A cheap handle to shared, immutable data.
class Result {
 public:
  size_t rows() const;
  // Rows inserted, updated or deleted.
  size_t affected_rows() const;
  bool IsNull(size_t row, size_t column) const;
  // Empty where the value is NULL. Valid as long as the result.
  std::string_view Text(size_t row, size_t column) const;
  // 0 where the value is not a whole number.
  int64_t Int(size_t row, size_t column) const;

  struct Rep;
  explicit Result(std::shared_ptr<const Rep> rep);

 private:
  std::shared_ptr<const Rep> rep_;
};

// A transaction; rolled back when it is destroyed uncommitted. Must not outlive its connection.
// After an error all that is left to do is to destroy it.
class Transaction {
 public:
  ~Transaction();

  absl::StatusOr<Result> Execute(std::string_view sql, std::span<const Parameter> parameters = {});
  absl::StatusOr<Result> Execute(std::string_view sql, std::initializer_list<Parameter> parameters);
  // Several statements separated by semicolons, without parameters.
  absl::Status ExecuteScript(std::string_view sql);
  // Appends rows to a table. `rows` are whole rows in the binary format of COPY (CopyRow makes
  // them), without the format's head and end. Names are taken as they are.
  absl::Status Copy(std::string_view table, std::span<const std::string_view> columns,
                    std::string_view rows);
  // Unavailable leaves open whether the transaction was committed.
  absl::Status Commit();

 private:
  friend class Connection;
  struct Rep;
  explicit Transaction(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

class Connection {
 public:
  // Blocks at the most for the connect time-out (for each address of the host).
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectionOptions& options);
  ~Connection();

  // One statement, committed by itself.
  absl::StatusOr<Result> Execute(std::string_view sql, std::span<const Parameter> parameters = {});
  absl::StatusOr<Result> Execute(std::string_view sql, std::initializer_list<Parameter> parameters);
  // One transaction at a time.
  absl::StatusOr<std::unique_ptr<Transaction>> Begin();

  // From now on the connection hears of notifications on this channel (NOTIFY).
  absl::Status Listen(const std::string& channel);
  // Waits until one has come since the last wait; `timeout` at the most. A `stop` ends the wait,
  // and the connection.
  absl::Status WaitForNotification(absl::Duration timeout, const std::stop_token& stop);

  // Cuts the connection: what another thread waits for in it ends with Unavailable at once.
  void Interrupt();

 private:
  struct Rep;
  explicit Connection(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

// Array literal for a parameter of type text[]: `{"a","b"}`.
std::string ArrayLiteral(std::span<const std::string_view> items);

}  // namespace mentat::store

#endif  // COMMON_STORE_CONNECTION_H_
