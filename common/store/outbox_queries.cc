#include "common/store/outbox_queries.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::store {
namespace {

std::string Condition(const OutboxFilter& filter, std::vector<Parameter>& parameters) {
  std::string condition = "true";
  const auto put = [&](const char* column, const char* type, std::string values) {
    parameters.emplace_back(std::move(values));
    absl::StrAppend(&condition, " AND ", column, " = ANY ($", parameters.size(), "::", type, "[])");
  };
  const auto texts = [&](const char* column, const std::vector<std::string>& values) {
    if (values.empty()) return;
    const std::vector<std::string_view> views(values.begin(), values.end());
    put(column, "text", ArrayLiteral(views));
  };
  if (!filter.ids.empty()) {
    std::string ids = "{";
    for (const int64_t id : filter.ids) absl::StrAppend(&ids, ids.size() > 1 ? "," : "", id);
    put("id", "bigint", ids + "}");
  }
  texts("kind", filter.kinds);
  texts("state", filter.states);
  return condition;
}

}  // namespace

absl::StatusOr<std::vector<StoredOutboxMessage>> ListOutbox(Connection& connection,
                                                            const OutboxFilter& filter,
                                                            int64_t before, size_t limit) {
  std::vector<Parameter> parameters;
  std::string condition = Condition(filter, parameters);
  if (before != 0) absl::StrAppend(&condition, " AND id < ", before);
  ASSIGN_OR_RETURN(
      const Result rows,
      connection.Execute(
          absl::StrCat("SELECT id, kind, key, state, left(last_error, 300), "
                       "octet_length(payload), attempts, "
                       "(extract(epoch FROM enqueue_time) * 1000000)::bigint, "
                       "(extract(epoch FROM due_time) * 1000000)::bigint, "
                       "(extract(epoch FROM end_time) * 1000000)::bigint FROM outbox WHERE ",
                       condition, " ORDER BY id DESC LIMIT ", limit),
          parameters));
  std::vector<StoredOutboxMessage> messages;
  for (size_t row = 0; row < rows.rows(); ++row) {
    messages.push_back({.id = rows.Int(row, 0),
                        .kind = std::string(rows.Text(row, 1)),
                        .key = std::string(rows.Text(row, 2)),
                        .state = std::string(rows.Text(row, 3)),
                        .last_error = std::string(rows.Text(row, 4)),
                        .payload_bytes = static_cast<uint64_t>(rows.Int(row, 5)),
                        .attempts = static_cast<uint32_t>(rows.Int(row, 6)),
                        .enqueue_time = rows.Int(row, 7),
                        .due_time = rows.Int(row, 8),
                        .end_time = rows.Int(row, 9)});
  }
  return messages;
}

absl::StatusOr<std::vector<OutboxGroup>> CountOutbox(Connection& connection,
                                                     const OutboxFilter& filter) {
  std::vector<Parameter> parameters;
  const std::string condition = Condition(filter, parameters);
  ASSIGN_OR_RETURN(
      const Result rows,
      connection.Execute(
          absl::StrCat("SELECT kind, state, count(*), "
                       "(extract(epoch FROM min(enqueue_time)) * 1000000)::bigint "
                       "FROM outbox WHERE ",
                       condition, " GROUP BY kind, state ORDER BY kind, state LIMIT 1000"),
          parameters));
  std::vector<OutboxGroup> groups;
  for (size_t row = 0; row < rows.rows(); ++row) {
    groups.push_back({.kind = std::string(rows.Text(row, 0)),
                      .state = std::string(rows.Text(row, 1)),
                      .count = static_cast<uint64_t>(rows.Int(row, 2)),
                      .first_time = rows.Int(row, 3)});
  }
  return groups;
}

absl::StatusOr<uint64_t> RetryOutbox(Connection& connection, const OutboxFilter& filter) {
  std::vector<Parameter> parameters;
  const std::string condition = Condition(filter, parameters);
  ASSIGN_OR_RETURN(
      const Result rows,
      connection.Execute(
          absl::StrCat("WITH changed AS (UPDATE outbox SET state = 'pending', end_time = NULL, "
                       "attempts = CASE state WHEN 'failed' THEN 0 ELSE attempts END, "
                       "due_time = now() WHERE state IN ('pending', 'failed') AND ",
                       condition,
                       " RETURNING kind), told AS (SELECT pg_notify('mentat_outbox', kind) "
                       "FROM (SELECT DISTINCT kind FROM changed) kinds) "
                       "SELECT (SELECT count(*) FROM changed), (SELECT count(*) FROM told)"),
          parameters));
  return static_cast<uint64_t>(rows.Int(0, 0));
}

absl::StatusOr<uint64_t> DiscardOutbox(Connection& connection, const OutboxFilter& filter) {
  std::vector<Parameter> parameters;
  const std::string condition = Condition(filter, parameters);
  ASSIGN_OR_RETURN(const Result rows,
                   connection.Execute("DELETE FROM outbox WHERE " + condition, parameters));
  return rows.affected_rows();
}

}  // namespace mentat::store
