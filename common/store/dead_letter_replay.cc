#include "common/store/dead_letter_replay.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/store/dead_letter_event.h"
#include "common/store/dead_letters.h"

namespace mentat::store {
namespace {

// A mark older than this is forgotten: what a process that is gone had sent has come to its end.
constexpr char kForgotten[] = "interval '1 hour'";

std::string IdArray(auto begin, auto end, auto id_of) {
  std::string ids = "{";
  for (auto it = begin; it != end; ++it) {
    absl::StrAppend(&ids, ids.size() > 1 ? "," : "", id_of(*it));
  }
  return ids + "}";
}

absl::Status Mark(Transaction& transaction, const std::vector<ReplayLetter>& letters) {
  std::vector<std::string> texts;
  for (const ReplayLetter& letter : letters) texts.push_back(StorableEventId(letter.event_id));
  const std::vector<std::string_view> ids(texts.begin(), texts.end());
  return transaction
      .Execute(
          "UPDATE dead_letters d SET replay_time = coalesce(d.replay_time, now()), "
          "event_id = coalesce(d.event_id, taken.event_id) "
          "FROM unnest($1::bigint[], $2::text[]) AS taken (id, event_id) WHERE d.id = taken.id",
          {IdArray(letters.begin(), letters.end(), [](const auto& letter) { return letter.id; }),
           ArrayLiteral(ids)})
      .status();
}

// A rejection has been written as another letter, or as this one once more, or nowhere: then this
// one stands for it.
absl::Status SettleRejected(Transaction& transaction, const ReplayOutcome& outcome) {
  return transaction
      .Execute(
          "WITH old AS (SELECT id, attempts, first_time FROM dead_letters WHERE id = $1::bigint "
          "FOR UPDATE), "
          "successor AS (SELECT d.id FROM dead_letters d, old WHERE old.attempts = $2::integer "
          "AND d.event_id = $3 AND d.id <> old.id AND d.stage = $4 AND d.reason = $5 "
          "ORDER BY d.last_time DESC LIMIT 1), "
          "merged AS (UPDATE dead_letters d SET attempts = d.attempts + old.attempts, "
          "first_time = least(d.first_time, old.first_time) FROM old, successor "
          "WHERE d.id = successor.id RETURNING d.id), "
          "gone AS (DELETE FROM dead_letters d USING old WHERE d.id = old.id "
          "AND EXISTS (SELECT FROM merged)) "
          "UPDATE dead_letters d SET replay_time = NULL, "
          "attempts = d.attempts + (d.attempts = $2::integer)::integer, "
          "last_time = CASE WHEN d.attempts = $2::integer THEN now() ELSE d.last_time END "
          "FROM old WHERE d.id = old.id AND NOT EXISTS (SELECT FROM merged)",
          {absl::StrCat(outcome.id), absl::StrCat(outcome.attempts),
           StorableEventId(outcome.event_id), outcome.stage, outcome.reason})
      .status();
}

}  // namespace

absl::StatusOr<TakenLetters> TakeForReplay(Connection& connection, const TakeOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  std::vector<Parameter> parameters;
  // The bytes are fetched only of so many as are taken.
  const std::string condition = Condition(options.filter, parameters);
  ASSIGN_OR_RETURN(
      const Result sizes,
      transaction->Execute(
          absl::StrCat("SELECT id, octet_length(event) FROM dead_letters WHERE ", condition,
                       " AND id > ", options.after, " AND id <= ", options.last,
                       " ORDER BY id LIMIT ", options.most_letters, " FOR UPDATE SKIP LOCKED"),
          parameters));
  std::vector<int64_t> ids;
  uint64_t bytes = 0;
  for (size_t row = 0; row < sizes.rows(); ++row) {
    bytes += static_cast<uint64_t>(sizes.Int(row, 1));
    if (!ids.empty() && bytes > options.most_bytes) break;
    ids.push_back(sizes.Int(row, 0));
  }
  TakenLetters taken;
  if (ids.empty()) return taken;
  taken.last_id = ids.back();
  ASSIGN_OR_RETURN(
      const Result rows,
      transaction->Execute(
          "SELECT id, attempts, event_format, encode(event, 'hex'), "
          "coalesce((extract(epoch FROM received_time) * 1000000)::bigint, 0) FROM dead_letters "
          "WHERE id = ANY ($1::bigint[]) ORDER BY id",
          {IdArray(ids.begin(), ids.end(), [](int64_t id) { return id; })}));
  for (size_t row = 0; row < rows.rows(); ++row) {
    ReplayLetter letter;
    letter.id = rows.Int(row, 0);
    letter.attempts = static_cast<uint32_t>(rows.Int(row, 1));
    letter.received_time = rows.Int(row, 4);
    const std::string_view hex = rows.Text(row, 3);
    letter.event = absl::HexStringToBytes(absl::string_view(hex.data(), hex.size()));
    const auto event = ReadDeadLetterEvent(rows.Text(row, 2), letter.event);
    if (!event.ok()) {
      taken.unreadable.push_back({letter.id, std::string(event.status().message())});
      continue;
    }
    letter.event_id = event->id();
    if (rows.Text(row, 2) != "protobuf") letter.event = event->SerializeAsString();
    taken.letters.push_back(std::move(letter));
  }
  if (!taken.letters.empty()) RETURN_IF_ERROR(Mark(*transaction, taken.letters));
  RETURN_IF_ERROR(transaction->Commit());
  return taken;
}

absl::Status SettleReplay(Connection& connection, std::span<const ReplayOutcome> outcomes) {
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  std::vector<int64_t> settled;
  for (const ReplayOutcome& outcome : outcomes) {
    if (!outcome.rejected) settled.push_back(outcome.id);
  }
  if (!settled.empty()) {
    RETURN_IF_ERROR(
        transaction
            ->Execute("DELETE FROM dead_letters WHERE id = ANY ($1::bigint[])",
                      {IdArray(settled.begin(), settled.end(), [](int64_t id) { return id; })})
            .status());
  }
  for (const ReplayOutcome& outcome : outcomes) {
    if (outcome.rejected) RETURN_IF_ERROR(SettleRejected(*transaction, outcome));
  }
  return transaction->Commit();
}

absl::Status ReleaseReplay(Connection& connection, std::span<const ReplayLetter> letters) {
  return connection
      .Execute(
          "UPDATE dead_letters SET replay_time = NULL WHERE id = ANY ($1::bigint[])",
          {IdArray(letters.begin(), letters.end(), [](const auto& letter) { return letter.id; })})
      .status();
}

absl::StatusOr<uint64_t> ResolveReplays(Connection& connection,
                                        std::span<const int64_t> on_their_way) {
  const std::string others =
      IdArray(on_their_way.begin(), on_their_way.end(), [](int64_t id) { return id; });
  uint64_t resolved = 0;
  for (const std::string& sql : {
           // Stored meanwhile.
           std::string(
               "DELETE FROM dead_letters d USING event_ids e WHERE d.replay_time IS NOT NULL "
               "AND d.id <> ALL ($1::bigint[]) AND e.id = d.event_id "
               "AND e.storage_time >= d.replay_time"),
           // Rejected meanwhile, as another letter.
           std::string(
               "WITH gone AS (DELETE FROM dead_letters d USING dead_letters n "
               "WHERE d.replay_time IS NOT NULL AND d.id <> ALL ($1::bigint[]) "
               "AND n.event_id = d.event_id AND n.id <> d.id AND n.replay_time IS NULL "
               "AND n.last_time >= d.replay_time "
               "RETURNING n.id, d.attempts, d.first_time) "
               "UPDATE dead_letters n SET attempts = n.attempts + gone.attempts, "
               "first_time = least(n.first_time, gone.first_time) FROM gone WHERE n.id = gone.id"),
           // Rejected meanwhile, as the same one; or nothing is to be expected any more.
           absl::StrCat("UPDATE dead_letters SET replay_time = NULL WHERE replay_time IS NOT NULL "
                        "AND id <> ALL ($1::bigint[]) AND (last_time >= replay_time "
                        "OR replay_time < now() - ",
                        kForgotten, ")"),
       }) {
    ASSIGN_OR_RETURN(const Result result, connection.Execute(sql, {others}));
    resolved += result.affected_rows();
  }
  return resolved;
}

}  // namespace mentat::store
