#include "services/storage/writer.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/idea/time.h"
#include "common/store/dead_letters.h"
#include "common/store/event_row.h"

namespace mentat::storage {
namespace {

using store::EventRow;
using store::Transaction;

// A COPY is ended when it has this many bytes, so that large events do not stand in memory twice.
constexpr size_t kCopyBytes = 8 << 20;

// An event that has a row.
struct Candidate {
  Work* work;
  EventRow row;
};

// The rows of the events among `work`, by identifier: two transactions that share identifiers take
// their locks in the same order and never wait for each other in a circle.
std::vector<Candidate> MakeCandidates(std::span<Work> work, int64_t storage_time) {
  std::vector<Candidate> candidates;
  candidates.reserve(work.size());
  for (Work& one : work) {
    if (one.item->heartbeat() || one.item->dead_letter() != nullptr || !one.refusal.empty()) {
      continue;
    }
    idea::v1::Event& event = one.item->event();
    event.mutable_mentat()->set_storage_time(storage_time);
    absl::StatusOr<EventRow> row =
        store::MakeEventRow(event, one.item->received_at(), storage_time);
    if (row.ok()) {
      candidates.push_back({&one, *std::move(row)});
    } else {
      one.refusal = std::string(row.status().message());
    }
  }
  // Of events with the same identifier the first stays the first.
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.row.id < b.row.id; });
  return candidates;
}

// The parameters `id text[], detect_time timestamptz[]`.
std::pair<store::Parameter, store::Parameter> Arrays(std::span<const Candidate* const> candidates) {
  std::vector<std::string_view> ids;
  std::vector<std::string> times;
  for (const Candidate* candidate : candidates) {
    ids.push_back(candidate->row.id);
    times.push_back(idea::FormatTimestamp(candidate->row.detect_time));
  }
  return {store::ArrayLiteral(ids),
          store::ArrayLiteral(std::vector<std::string_view>(times.begin(), times.end()))};
}

// Duplicates of stored events that were detected at another time.
absl::StatusOr<size_t> CountConflicts(Transaction& transaction,
                                      std::span<const Candidate* const> duplicates) {
  if (duplicates.empty()) return 0;
  const auto [ids, times] = Arrays(duplicates);
  ASSIGN_OR_RETURN(const store::Result result,
                   transaction.Execute("SELECT count(*) FROM event_ids JOIN "
                                       "unnest($1::text[], $2::timestamptz[]) AS again (id, time) "
                                       "ON event_ids.id = again.id "
                                       "WHERE event_ids.detect_time <> again.time",
                                       {ids, times}));
  return static_cast<size_t>(result.Int(0, 0));
}

absl::StatusOr<Written> WriteEvents(Transaction& transaction,
                                    const std::vector<Candidate>& candidates,
                                    int64_t storage_time) {
  Written written;
  std::vector<const Candidate*> distinct;
  std::vector<const Candidate*> duplicates;
  for (const Candidate& candidate : candidates) {
    if (!distinct.empty() && distinct.back()->row.id == candidate.row.id) {
      duplicates.push_back(&candidate);
    } else {
      distinct.push_back(&candidate);
    }
  }
  if (distinct.empty()) return written;
  const auto [ids, times] = Arrays(distinct);
  ASSIGN_OR_RETURN(
      const store::Result inserted,
      transaction.Execute("INSERT INTO event_ids (id, detect_time, storage_time) "
                          "SELECT id, detect_time, $3::timestamptz "
                          "FROM unnest($1::text[], $2::timestamptz[]) AS new (id, detect_time) "
                          "ON CONFLICT (id) DO NOTHING RETURNING id",
                          {ids, times, idea::FormatTimestamp(storage_time)}));
  std::unordered_set<std::string_view> fresh;
  fresh.reserve(inserted.rows());
  for (size_t row = 0; row < inserted.rows(); ++row) fresh.insert(inserted.Text(row, 0));

  size_t bytes = 0;
  for (const Candidate* candidate : distinct) bytes += candidate->row.bytes.size();
  std::string rows;
  rows.reserve(std::min(bytes, kCopyBytes + (1 << 20)));
  for (const Candidate* candidate : distinct) {
    if (!fresh.contains(candidate->row.id)) {
      duplicates.push_back(candidate);
      continue;
    }
    candidate->work->outcome = Work::Outcome::kStored;
    rows += candidate->row.bytes;
    if (rows.size() < kCopyBytes) continue;
    RETURN_IF_ERROR(transaction.Copy("events", store::EventColumns(), rows));
    rows.clear();
  }
  RETURN_IF_ERROR(transaction.Copy("events", store::EventColumns(), rows));
  for (const Candidate* duplicate : duplicates) {
    duplicate->work->outcome = Work::Outcome::kDuplicate;
  }
  ASSIGN_OR_RETURN(written.conflicts, CountConflicts(transaction, duplicates));
  return written;
}

absl::Status WriteDeadLetters(Transaction& transaction, const Identity& identity,
                              std::span<Work> work, int64_t now) {
  for (Work& one : work) {
    pipeline::v1::DeadLetter refused;
    const pipeline::v1::DeadLetter* letter = one.item->dead_letter();
    if (one.item->heartbeat()) continue;
    if (letter != nullptr) {
      one.outcome = Work::Outcome::kDeadLetter;
    } else if (!one.refusal.empty()) {
      one.outcome = Work::Outcome::kRefused;
      refused.set_reason(pipeline::v1::REASON_REFUSED);
      refused.set_stage(identity.stage);
      refused.set_instance(identity.instance);
      refused.set_message(one.refusal);
      refused.set_time(now);
      letter = &refused;
    } else {
      continue;
    }
    RETURN_IF_ERROR(
        store::InsertDeadLetter(transaction, *letter, one.item->wire(), one.item->received_at()));
  }
  return absl::OkStatus();
}

// Leaves no row, but a line in the write-ahead log: without one PostgreSQL would not wait for the
// disk at the commit, and the heartbeat would be quicker than any event.
absl::Status WriteHeartbeats(Transaction& transaction, std::span<Work> work) {
  bool any = false;
  for (Work& one : work) {
    if (!one.item->heartbeat()) continue;
    one.outcome = Work::Outcome::kHeartbeat;
    any = true;
  }
  if (!any) return absl::OkStatus();
  return transaction.Execute("SELECT pg_logical_emit_message(true, 'mentat', 'heartbeat')", {})
      .status();
}

}  // namespace

absl::StatusOr<Written> Write(store::Connection& connection, const Identity& identity,
                              std::span<Work> work) {
  const int64_t now = absl::ToUnixMicros(absl::Now());
  const std::vector<Candidate> candidates = MakeCandidates(work, now);
  ASSIGN_OR_RETURN(std::unique_ptr<Transaction> transaction, connection.Begin());
  ASSIGN_OR_RETURN(const Written written, WriteEvents(*transaction, candidates, now));
  RETURN_IF_ERROR(WriteDeadLetters(*transaction, identity, work, now));
  RETURN_IF_ERROR(WriteHeartbeats(*transaction, work));
  RETURN_IF_ERROR(transaction->Commit());
  return written;
}

}  // namespace mentat::storage
