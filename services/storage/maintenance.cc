#include "services/storage/maintenance.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/idea/time.h"
#include "common/store/migrations.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"

namespace mentat::storage {
namespace {

constexpr absl::Duration kCheckInterval = absl::Seconds(5);
constexpr absl::Duration kMaintainInterval = absl::Hours(1);
constexpr absl::Duration kRetryInterval = absl::Minutes(1);
constexpr absl::Duration kObserveInterval = absl::Seconds(30);
constexpr int kForgetAtATime = 10'000;

std::string Text(absl::Time time) { return idea::FormatTimestamp(absl::ToUnixMicros(time)); }

// Runs a query that returns one number, in a transaction that does not wait long for locks: whoever
// waits for a lock on the whole table also stops all who come after.
absl::StatusOr<int64_t> Number(store::Connection& connection, std::string_view sql,
                               std::initializer_list<store::Parameter> parameters) {
  ASSIGN_OR_RETURN(std::unique_ptr<store::Transaction> transaction, connection.Begin());
  RETURN_IF_ERROR(transaction->ExecuteScript("SET LOCAL lock_timeout = '3s'"));
  ASSIGN_OR_RETURN(const store::Result result, transaction->Execute(sql, parameters));
  const int64_t number = result.Int(0, 0);
  RETURN_IF_ERROR(transaction->Commit());
  return number;
}

}  // namespace

absl::Status Maintain(store::Connection& connection, const config::v1::StorageConfig& config,
                      absl::Time now, Metrics& metrics, const log::Logger& log) {
  const auto days = [](uint32_t count) { return absl::Hours(24 * static_cast<int64_t>(count)); };
  absl::Time since = now - days(config.partitions_past_days());
  if (config.retention_days() > 0) since = std::max(since, now - days(config.retention_days()));
  ASSIGN_OR_RETURN(
      const int64_t made,
      Number(connection,
             "SELECT create_event_partitions($1::timestamptz, $2::timestamptz, $3::integer)",
             {Text(since), Text(now + days(config.partitions_ahead_days())),
              absl::StrCat(config.partition_days())}));
  if (made > 0) log.Info("made partitions", {{"count", made}});
  ASSIGN_OR_RETURN(
      const int64_t end,
      Number(connection, "SELECT extract(epoch FROM max(last))::bigint FROM event_partitions", {}));
  metrics.partitions_end.Set(static_cast<double>(end));

  if (config.retention_days() > 0) {
    const std::string cutoff = Text(now - days(config.retention_days()));
    ASSIGN_OR_RETURN(const int64_t dropped,
                     Number(connection, "SELECT drop_event_partitions($1::timestamptz)", {cutoff}));
    metrics.partitions_dropped.Increment(static_cast<double>(dropped));
    if (dropped > 0) log.Info("dropped old partitions", {{"count", dropped}});
    // In small transactions, so that nobody waits for them.
    for (int64_t forgotten = kForgetAtATime; forgotten == kForgetAtATime;) {
      ASSIGN_OR_RETURN(forgotten,
                       Number(connection, "SELECT forget_event_ids($1::timestamptz, $2::integer)",
                              {cutoff, absl::StrCat(kForgetAtATime)}));
    }
  }
  if (config.dead_letter_retention_days() > 0) {
    RETURN_IF_ERROR(connection
                        .Execute("DELETE FROM dead_letters WHERE last_time < $1::timestamptz",
                                 {Text(now - days(config.dead_letter_retention_days()))})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status Observe(store::Connection& connection, Metrics& metrics) {
  // Others' transactions are seen by a role in pg_monitor alone; their sessions by all.
  ASSIGN_OR_RETURN(
      const store::Result seen,
      connection.Execute(
          "SELECT pg_database_size(current_database()), count(*), "
          "current_setting('max_connections')::bigint, "
          "coalesce(extract(epoch FROM now() - min(xact_start) "
          "FILTER (WHERE backend_type = 'client backend'))::bigint, 0) FROM pg_stat_activity"));
  metrics.database_bytes.Set(static_cast<double>(seen.Int(0, 0)));
  metrics.database_sessions.Set(static_cast<double>(seen.Int(0, 1)));
  metrics.database_max_sessions.Set(static_cast<double>(seen.Int(0, 2)));
  metrics.database_oldest_transaction.Set(static_cast<double>(seen.Int(0, 3)));
  return absl::OkStatus();
}

Maintenance::Maintenance(const config::v1::StorageConfig& config, store::ConnectionOptions options,
                         Health& health, Metrics& metrics, log::Logger log)
    : config_(config),
      options_(std::move(options)),
      health_(health),
      metrics_(metrics),
      log_(std::move(log)) {}

absl::Status Maintenance::Check() {
  if (connection_ == nullptr) {
    ASSIGN_OR_RETURN(connection_, store::Connection::Open(options_));
  }
  const absl::Status status = store::CheckSchema(*connection_);
  if (!status.ok()) connection_ = nullptr;
  return status;
}

void Maintenance::Run(std::stop_token stop) {
  bool was_well = true;
  absl::Duration until_maintenance = absl::ZeroDuration();
  absl::Duration until_observation = absl::ZeroDuration();
  while (!stop.stop_requested()) {
    const absl::Status status = Check();
    health_.Report("maintenance", status);
    metrics_.database_up.Set(status.ok() ? 1 : 0);
    if (status.ok() != was_well) {
      was_well = status.ok();
      if (was_well) {
        log_.Info("the database can be used");
      } else {
        log_.Warning("the database cannot be used", {{"error", status}});
      }
    }
    if (status.ok() && until_maintenance <= absl::ZeroDuration()) {
      const absl::Status maintained = Maintain(*connection_, config_, absl::Now(), metrics_, log_);
      if (!maintained.ok()) {
        metrics_.maintenance_errors.Increment();
        log_.Warning("maintenance failed, it will be tried again", {{"error", maintained}});
      }
      until_maintenance = maintained.ok() ? kMaintainInterval : kRetryInterval;
    }
    if (status.ok() && until_observation <= absl::ZeroDuration()) {
      if (const absl::Status observed = Observe(*connection_, metrics_); !observed.ok()) {
        log_.Warning("the database's figures cannot be read", {{"error", observed}});
      }
      until_observation = kObserveInterval;
    }
    const absl::Duration pause = status.ok() ? kCheckInterval : absl::Seconds(1);
    Pause(pause, stop);
    until_maintenance -= pause;
    until_observation -= pause;
  }
}

}  // namespace mentat::storage
