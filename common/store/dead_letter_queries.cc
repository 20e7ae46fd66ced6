#include "common/store/dead_letter_queries.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/idea/time.h"

namespace mentat::store {
namespace {

// Rows of a transaction that deletes.
constexpr int kDeleteAtATime = 10'000;

// Characters of a message in lists; the whole of it has a place where there is one letter.
constexpr char kBeginning[] = "left(message, 300)";

constexpr std::string_view kColumns =
    "id, reason, stage, instance, rule, event_id, event_format, octet_length(event), "
    "attempts, ";
constexpr int kFirstTime = 10;  // of the columns: the first that kTimes names
constexpr std::string_view kTimes[] = {"received_time", "first_time", "last_time", "replay_time"};

std::string Micros(std::string_view time) {
  return absl::StrCat("(extract(epoch FROM ", std::string(time), ") * 1000000)::bigint");
}

std::string Columns(const char* message) {
  std::string columns = absl::StrCat(std::string(kColumns), message, ", ");
  for (const std::string_view time : kTimes) {
    absl::StrAppend(&columns, time == kTimes[0] ? "" : ", ", Micros(time));
  }
  return columns;
}

StoredDeadLetter Read(const Result& result, size_t row) {
  const auto text = [&](size_t column) { return std::string(result.Text(row, column)); };
  return {.id = result.Int(row, 0),
          .reason = text(1),
          .stage = text(2),
          .instance = text(3),
          .rule = text(4),
          .message = text(9),
          .event_id = text(5),
          .event_format = text(6),
          .event_bytes = static_cast<uint64_t>(result.Int(row, 7)),
          .received_time = result.Int(row, kFirstTime),
          .first_time = result.Int(row, kFirstTime + 1),
          .last_time = result.Int(row, kFirstTime + 2),
          .attempts = static_cast<uint32_t>(result.Int(row, 8)),
          .replay_time = result.Int(row, kFirstTime + 3)};
}

// The number of a parameter that is appended.
std::string Put(Parameter parameter, std::vector<Parameter>& parameters) {
  parameters.push_back(std::move(parameter));
  return absl::StrCat("$", parameters.size());
}

}  // namespace

bool DeadLetterFilter::IsEmpty() const {
  return ids.empty() && reasons.empty() && stages.empty() && instances.empty() && rules.empty() &&
         !from && !to && text.empty();
}

std::string Condition(const DeadLetterFilter& filter, std::vector<Parameter>& parameters) {
  std::string condition = "true";
  const auto add = [&](std::string_view column, const std::vector<std::string>& values) {
    if (values.empty()) return;
    absl::StrAppend(&condition, " AND ", std::string(column));
    if (values.size() == 1) {  // so that an index gives the order too
      absl::StrAppend(&condition, " = ", Put(values[0], parameters));
    } else {
      const std::vector<std::string_view> views(values.begin(), values.end());
      absl::StrAppend(&condition, " = ANY (", Put(ArrayLiteral(views), parameters), "::text[])");
    }
  };
  if (!filter.ids.empty()) {
    std::string ids = "{";
    for (const int64_t id : filter.ids) absl::StrAppend(&ids, ids.size() > 1 ? "," : "", id);
    absl::StrAppend(&condition, " AND id = ANY (", Put(ids + "}", parameters), "::bigint[])");
  }
  add("reason", filter.reasons);
  add("stage", filter.stages);
  add("instance", filter.instances);
  add("rule", filter.rules);
  const auto time = [&](const char* compare, std::optional<int64_t> micros) {
    if (!micros) return;
    absl::StrAppend(&condition, " AND last_time ", compare, " ",
                    Put(idea::FormatTimestamp(*micros), parameters), "::timestamptz");
  };
  time(">=", filter.from);
  time("<", filter.to);
  if (!filter.text.empty()) {
    const std::string text = Put(filter.text, parameters);
    absl::StrAppend(&condition, " AND (event_id = ", text, " OR strpos(lower(message), lower(",
                    text, ")) > 0)");
  }
  return condition;
}

absl::StatusOr<std::vector<StoredDeadLetter>> ListDeadLetters(
    Connection& connection, const DeadLetterFilter& filter,
    const std::optional<DeadLetterPosition>& after, size_t limit) {
  std::vector<Parameter> parameters;
  std::string sql = absl::StrCat("SELECT ", Columns(kBeginning), " FROM dead_letters WHERE ",
                                 Condition(filter, parameters));
  if (after.has_value()) {
    const std::string time = Put(idea::FormatTimestamp(after->last_time), parameters);
    absl::StrAppend(&sql, " AND (last_time, id) < (", time, "::timestamptz, ",
                    Put(absl::StrCat(after->id), parameters), "::bigint)");
  }
  absl::StrAppend(&sql, " ORDER BY last_time DESC, id DESC LIMIT ", limit);
  ASSIGN_OR_RETURN(const Result result, connection.Execute(sql, parameters));
  std::vector<StoredDeadLetter> letters;
  for (size_t row = 0; row < result.rows(); ++row) letters.push_back(Read(result, row));
  return letters;
}

absl::StatusOr<DeadLetterCounts> CountDeadLetters(Connection& connection,
                                                  const DeadLetterFilter& filter, size_t limit) {
  std::vector<Parameter> parameters;
  const std::string condition = Condition(filter, parameters);
  const std::string sql = absl::StrCat(
      "WITH groups AS (SELECT reason, stage, rule, count(*) AS letters, min(first_time) AS first, "
      "max(last_time) AS last, sum(count(*)) OVER () AS total FROM dead_letters WHERE ",
      condition, " GROUP BY reason, stage, rule ORDER BY letters DESC, reason, stage, rule LIMIT ",
      limit, ") SELECT total, letters, reason, stage, rule, ", Micros("first"), ", ",
      Micros("last"), ", (SELECT ", kBeginning,
      " FROM dead_letters d WHERE d.reason = groups.reason "
      "AND d.stage = groups.stage AND d.rule = groups.rule AND d.last_time = groups.last LIMIT 1) "
      "FROM groups ORDER BY letters DESC, reason, stage, rule");
  ASSIGN_OR_RETURN(const Result result, connection.Execute(sql, parameters));
  DeadLetterCounts counts;
  for (size_t row = 0; row < result.rows(); ++row) {
    counts.total = static_cast<uint64_t>(result.Int(row, 0));
    counts.groups.push_back({.reason = std::string(result.Text(row, 2)),
                             .stage = std::string(result.Text(row, 3)),
                             .rule = std::string(result.Text(row, 4)),
                             .message = std::string(result.Text(row, 7)),
                             .count = static_cast<uint64_t>(result.Int(row, 1)),
                             .first_time = result.Int(row, 5),
                             .last_time = result.Int(row, 6)});
  }
  return counts;
}

absl::StatusOr<DeadLetterWithEvent> GetDeadLetter(Connection& connection, int64_t id) {
  const std::string sql = absl::StrCat("SELECT ", Columns("message"),
                                       ", encode(event, 'hex') FROM dead_letters WHERE id = $1");
  ASSIGN_OR_RETURN(const Result result, connection.Execute(sql, {absl::StrCat(id)}));
  if (result.rows() == 0) return absl::NotFoundError(absl::StrCat("there is no dead letter ", id));
  const std::string_view hex = result.Text(0, kFirstTime + std::size(kTimes));
  return DeadLetterWithEvent{Read(result, 0),
                             absl::HexStringToBytes(absl::string_view(hex.data(), hex.size()))};
}

absl::Status DiscardDeadLetters(Connection& connection, const DeadLetterFilter& filter,
                                uint64_t* deleted) {
  // What comes while it runs was not meant.
  ASSIGN_OR_RETURN(const Result newest,
                   connection.Execute("SELECT coalesce(max(id), 0) FROM dead_letters"));
  std::vector<Parameter> parameters;
  const std::string condition = Condition(filter, parameters);
  const std::string id = Put(std::string(newest.Text(0, 0)), parameters);
  const std::string sql = absl::StrCat(
      "DELETE FROM dead_letters WHERE id = ANY (ARRAY(SELECT id FROM dead_letters WHERE ",
      condition, " AND id <= ", id, "::bigint LIMIT ", kDeleteAtATime, "))");
  for (size_t rows = kDeleteAtATime; rows == kDeleteAtATime;) {
    ASSIGN_OR_RETURN(const Result result, connection.Execute(sql, parameters));
    rows = result.affected_rows();
    *deleted += rows;
  }
  return absl::OkStatus();
}

}  // namespace mentat::store
