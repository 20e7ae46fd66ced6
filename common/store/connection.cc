#include "common/store/connection.h"

#include <fcntl.h>
#include <postgresql/libpq-fe.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <pqxx/pqxx>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/store/sql_error.h"

// In libpqxx 6 staying disconnected after a loss is to be had only from inhibit_reactivation, which
// is marked as deprecated.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace mentat::store {
namespace {

absl::Status Unavailable(std::string_view what) {
  return absl::UnavailableError(SqlError("", what).message());
}

// Runs `action` and turns what it throws into a status. `is_open` tells a lost connection from
// other failures.
template <typename Action, typename IsOpen>
absl::Status Guard(Action action, IsOpen is_open) {
  try {
    action();
    return absl::OkStatus();
  } catch (const pqxx::sql_error& error) {
    // The server names a state with each of its errors; only libpq's own, for a connection that
    // broke, have none.
    if (error.sqlstate().empty()) return Unavailable(error.what());
    return SqlError(error.sqlstate(), error.what());
  } catch (const pqxx::transaction_rollback& error) {
    return absl::AbortedError(SqlError("", error.what()).message());
  } catch (const pqxx::failure& error) {  // broken_connection, in_doubt_error
    return Unavailable(error.what());
  } catch (const std::exception& error) {
    if (!is_open()) return Unavailable(error.what());
    return absl::InternalError(SqlError("", error.what()).message());
  }
}

// COPY in its binary format, which libpqxx does not have, by libpq itself: its handle, as libpqxx
// makes it. What is wrong is thrown as libpqxx throws it.
class Handle : public pqxx::connect_direct {
 public:
  using connect_direct::connect_direct;

  handle do_startconnect(handle old) override {
    return handle_ = connect_direct::do_startconnect(old);
  }
  handle do_disconnect(handle old) noexcept override {
    handle_ = nullptr;
    return connect_direct::do_disconnect(old);
  }

  void Copy(const std::string& command, std::string_view rows) const {
    if (handle_ == nullptr) throw pqxx::broken_connection();
    const OwnedResult begun(PQexec(handle_, command.c_str()));
    if (PQresultStatus(begun.get()) != PGRES_COPY_IN) Throw(begun.get());
    // The signature, no flags, no extension of the head.
    constexpr char kHead[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
    Put(std::string_view(kHead, sizeof(kHead)));
    for (constexpr size_t kPiece = 128 * 1024; !rows.empty();) {
      Put(rows.substr(0, kPiece));
      rows.remove_prefix(std::min(kPiece, rows.size()));
    }
    Put("\377\377");
    if (PQputCopyEnd(handle_, nullptr) != 1) Throw(nullptr);
    // All results are to be taken, so that the connection can be used again.
    OwnedResult wrong;
    while (OwnedResult result{PQgetResult(handle_)}) {
      const ExecStatusType status = PQresultStatus(result.get());
      if (status == PGRES_COMMAND_OK) continue;
      wrong = std::move(result);
      if (status == PGRES_COPY_IN) break;  // a connection that is lost can stay like this
    }
    if (wrong != nullptr) Throw(wrong.get());
  }

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using OwnedResult = std::unique_ptr<PGresult, Clear>;

  void Put(std::string_view bytes) const {
    if (PQputCopyData(handle_, bytes.data(), static_cast<int>(bytes.size())) != 1) Throw(nullptr);
  }

  [[noreturn]] void Throw(const PGresult* result) const {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state == nullptr) throw pqxx::broken_connection(PQerrorMessage(handle_));
    throw pqxx::sql_error(PQresultErrorMessage(result), "", state);
  }

  handle handle_ = nullptr;
};

// What pqxx::connection is, with our Handle.
class OpenConnection : public pqxx::connection_base {
 public:
  explicit OpenConnection(const std::string& dsn)
      : pqxx::connection_base(handle_), dsn_(dsn), handle_(dsn_) {
    init();
  }
  ~OpenConnection() { close(); }

  const Handle& handle() const { return handle_; }

 private:
  std::string dsn_;
  Handle handle_;
};

// Hears of notifications.
class Ear : public pqxx::notification_receiver {
 public:
  Ear(pqxx::connection_base& connection, const std::string& channel)
      : pqxx::notification_receiver(connection, channel) {}

  void operator()(const std::string& /*payload*/, int /*backend*/) override { heard_ = true; }
  bool TakeHeard() { return std::exchange(heard_, false); }

 private:
  bool heard_ = false;
};

struct FreeConninfo {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

std::string QuoteSetting(std::string_view value) {
  std::string quoted = "'";
  for (char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// The connection string with our settings where it has none of its own.
absl::StatusOr<std::string> CompleteDsn(const ConnectionOptions& options) {
  // libpq's own message could repeat a piece of the password.
  std::unique_ptr<PQconninfoOption, FreeConninfo> parsed(
      PQconninfoParse(options.dsn.c_str(), nullptr));
  if (parsed == nullptr) {
    return absl::InvalidArgumentError(
        "the connection string is neither `keyword=value …` nor `postgresql://…`");
  }
  const int64_t seconds =
      absl::ToInt64Seconds(absl::Ceil(options.connect_timeout, absl::Seconds(1)));
  // libpq takes 1 as 2, and 0 as for ever.
  std::vector<std::pair<std::string, std::string>> settings = {
      {"connect_timeout", absl::StrCat(std::max<int64_t>(seconds, 2))},
      {"application_name", options.application_name},
      {"client_encoding", "UTF8"},
      // A peer that is gone without a word is noticed within half a minute.
      {"keepalives_idle", "10"},
      {"keepalives_interval", "5"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "30000"},
  };
  std::string dsn;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    std::erase_if(settings, [&](const auto& setting) { return setting.first == option->keyword; });
    absl::StrAppend(&dsn, option->keyword, "=", QuoteSetting(option->val), " ");
  }
  for (const auto& [keyword, value] : settings) {
    if (!value.empty()) absl::StrAppend(&dsn, keyword, "=", QuoteSetting(value), " ");
  }
  return dsn;
}

absl::StatusOr<std::vector<const char*>> Pointers(std::span<const Parameter> parameters) {
  std::vector<const char*> pointers;
  pointers.reserve(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (parameter && parameter->find('\0') != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameter $", i + 1, " contains the character U+0000"));
    }
    pointers.push_back(parameter ? parameter->c_str() : nullptr);
  }
  return pointers;
}

}  // namespace

struct Result::Rep {
  pqxx::result result;
};

Result::Result(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
size_t Result::rows() const { return rep_->result.size(); }
size_t Result::affected_rows() const { return rep_->result.affected_rows(); }

bool Result::IsNull(size_t row, size_t column) const {
  return rep_->result[row][static_cast<int>(column)].is_null();
}

std::string_view Result::Text(size_t row, size_t column) const {
  const pqxx::field field = rep_->result[row][static_cast<int>(column)];
  return std::string_view(field.c_str(), field.size());
}

int64_t Result::Int(size_t row, size_t column) const {
  const std::string_view text = Text(row, column);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

struct Connection::Rep {
  explicit Rep(const std::string& dsn) : connection(dsn) {}
  ~Rep() {
    if (interrupt_fd >= 0) close(interrupt_fd);
  }
  OpenConnection connection;
  std::unique_ptr<Ear> ear;  // null until Listen
  // A descriptor of our own for the connection's socket: libpq may close its own at any time, and
  // the number would then belong to something else.
  int interrupt_fd = -1;
};

struct Transaction::Rep {
  explicit Rep(OpenConnection& connection) : connection(connection), work(connection) {}

  template <typename Action>
  absl::Status Run(Action action) {
    return Guard(action, [this] { return connection.is_open(); });
  }

  OpenConnection& connection;
  pqxx::work work;
};

Transaction::Transaction(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Transaction::~Transaction() = default;

absl::StatusOr<Result> Transaction::Execute(std::string_view sql,
                                            std::span<const Parameter> parameters) {
  ASSIGN_OR_RETURN(const std::vector<const char*> pointers, Pointers(parameters));
  auto result = std::make_shared<Result::Rep>();
  RETURN_IF_ERROR(rep_->Run([&] {
    result->result =
        rep_->work.exec_params(std::string(sql), pqxx::prepare::make_dynamic_params(pointers));
  }));
  return Result(std::move(result));
}

absl::StatusOr<Result> Transaction::Execute(std::string_view sql,
                                            std::initializer_list<Parameter> parameters) {
  return Execute(sql, std::span(parameters.begin(), parameters.size()));
}

absl::Status Transaction::ExecuteScript(std::string_view sql) {
  return rep_->Run([&] { rep_->work.exec(std::string(sql)); });
}

absl::Status Transaction::Copy(std::string_view table, std::span<const std::string_view> columns,
                               std::string_view rows) {
  if (rows.empty()) return absl::OkStatus();
  std::string command = absl::StrCat("COPY ", std::string(table), " (");
  for (std::string_view column : columns) {
    absl::StrAppend(&command, command.ends_with('(') ? "" : ",", std::string(column));
  }
  command += ") FROM STDIN (FORMAT binary)";
  return rep_->Run([&] { rep_->connection.handle().Copy(command, rows); });
}

absl::Status Transaction::Commit() {
  return rep_->Run([&] { rep_->work.commit(); });
}

Connection::Connection(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Connection::~Connection() = default;

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options) {
  ASSIGN_OR_RETURN(const std::string dsn, CompleteDsn(options));
  std::unique_ptr<Rep> rep;
  absl::Status status = Guard(
      [&] {
        rep = std::make_unique<Rep>(dsn);
        rep->connection.inhibit_reactivation(true);
      },
      [] { return false; });
  RETURN_IF_ERROR(status);
  rep->interrupt_fd = fcntl(rep->connection.sock(), F_DUPFD_CLOEXEC, 3);
  std::unique_ptr<Connection> connection(new Connection(std::move(rep)));
  RETURN_IF_ERROR(
      connection
          ->Execute("SELECT set_config('statement_timeout', $1, false), "
                    "set_config('TimeZone', 'UTC', false), "
                    "set_config('DateStyle', 'ISO', false)",
                    {absl::StrCat(absl::ToInt64Milliseconds(options.statement_timeout))})
          .status());
  return connection;
}

absl::StatusOr<Result> Connection::Execute(std::string_view sql,
                                           std::span<const Parameter> parameters) {
  ASSIGN_OR_RETURN(const std::vector<const char*> pointers, Pointers(parameters));
  auto result = std::make_shared<Result::Rep>();
  RETURN_IF_ERROR(Guard(
      [&] {
        pqxx::nontransaction work(rep_->connection);
        result->result =
            work.exec_params(std::string(sql), pqxx::prepare::make_dynamic_params(pointers));
      },
      [this] { return rep_->connection.is_open(); }));
  return Result(std::move(result));
}

absl::StatusOr<Result> Connection::Execute(std::string_view sql,
                                           std::initializer_list<Parameter> parameters) {
  return Execute(sql, std::span(parameters.begin(), parameters.size()));
}

absl::StatusOr<std::unique_ptr<Transaction>> Connection::Begin() {
  std::unique_ptr<Transaction::Rep> rep;
  RETURN_IF_ERROR(Guard([&] { rep = std::make_unique<Transaction::Rep>(rep_->connection); },
                        [this] { return rep_->connection.is_open(); }));
  return std::unique_ptr<Transaction>(new Transaction(std::move(rep)));
}

absl::Status Connection::Listen(const std::string& channel) {
  return Guard([&] { rep_->ear = std::make_unique<Ear>(rep_->connection, channel); },
               [this] { return rep_->connection.is_open(); });
}

absl::Status Connection::WaitForNotification(absl::Duration timeout, const std::stop_token& stop) {
  if (rep_->ear == nullptr) return absl::FailedPreconditionError("nothing is listened to");
  if (rep_->ear->TakeHeard()) return absl::OkStatus();
  const std::stop_callback cut(stop, [this] { Interrupt(); });
  const int64_t micros = std::max<int64_t>(absl::ToInt64Microseconds(timeout), 0);
  const absl::Status status =
      Guard([&] { rep_->connection.await_notification(micros / 1'000'000, micros % 1'000'000); },
            [this] { return rep_->connection.is_open(); });
  rep_->ear->TakeHeard();
  return stop.stop_requested() ? absl::OkStatus() : status;
}

void Connection::Interrupt() {
  if (rep_->interrupt_fd >= 0) shutdown(rep_->interrupt_fd, SHUT_RDWR);
}

std::string ArrayLiteral(std::span<const std::string_view> items) {
  std::string literal = "{";
  for (std::string_view item : items) {
    if (literal.size() > 1) literal += ',';
    literal += '"';
    for (char c : item) {
      if (c == '"' || c == '\\') literal += '\\';
      literal += c;
    }
    literal += '"';
  }
  literal += '}';
  return literal;
}

}  // namespace mentat::store
