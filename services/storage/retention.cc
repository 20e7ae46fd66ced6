#include "services/storage/retention.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "prometheus/counter.h"
#include "services/storage/short_query.h"

namespace mentat::storage {
namespace {

// A transaction that nobody waits long for, and that ends soon when the process does.
constexpr int kAtATime = 10'000;

constexpr char kDeleteDeadLetters[] =
    "WITH deleted AS (DELETE FROM dead_letters WHERE id = ANY (ARRAY(SELECT id FROM dead_letters "
    "WHERE last_time < $1::timestamptz LIMIT $2::integer)) RETURNING 1) SELECT count(*) FROM "
    "deleted";

// Runs a query that deletes at the most kAtATime rows until nothing is left; how many there were.
absl::StatusOr<int64_t> DeleteAll(store::Connection& connection, std::string_view sql,
                                  const std::string& cutoff, const std::stop_token& stop) {
  int64_t all = 0;
  for (int64_t deleted = kAtATime; deleted == kAtATime;) {
    if (stop.stop_requested()) return absl::CancelledError("the process ends");
    ASSIGN_OR_RETURN(deleted, QueryNumber(connection, sql, {cutoff, absl::StrCat(kAtATime)}));
    all += deleted;
  }
  return all;
}

}  // namespace

absl::StatusOr<std::string> Retain(store::Connection& connection,
                                   const config::v1::StorageConfig& config, absl::Time now,
                                   const std::stop_token& stop, Metrics& metrics) {
  int64_t partitions = 0;
  int64_t ids = 0;
  int64_t letters = 0;
  if (config.retention_days() > 0) {
    const std::string cutoff = TimeParameter(now - Days(config.retention_days()));
    ASSIGN_OR_RETURN(
        partitions,
        QueryNumber(connection, "SELECT drop_event_partitions($1::timestamptz)", {cutoff}));
    metrics.partitions_dropped.Increment(static_cast<double>(partitions));
    ASSIGN_OR_RETURN(
        ids, DeleteAll(connection, "SELECT forget_event_ids($1::timestamptz, $2::integer)", cutoff,
                       stop));
  }
  if (config.dead_letter_retention_days() > 0) {
    const std::string cutoff = TimeParameter(now - Days(config.dead_letter_retention_days()));
    ASSIGN_OR_RETURN(letters, DeleteAll(connection, kDeleteDeadLetters, cutoff, stop));
  }
  return absl::StrCat("deleted ", partitions, " partitions, ", ids, " identifiers, ", letters,
                      " dead letters");
}

}  // namespace mentat::storage
