#include "services/storage/maintenance.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/store/migrations.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "services/storage/short_query.h"

namespace mentat::storage {
namespace {

constexpr absl::Duration kCheckInterval = absl::Seconds(5);
constexpr absl::Duration kMaintainInterval = absl::Hours(1);
constexpr absl::Duration kRetryInterval = absl::Minutes(1);
constexpr absl::Duration kObserveInterval = absl::Seconds(30);

}  // namespace

absl::Status MakePartitions(store::Connection& connection, const config::v1::StorageConfig& config,
                            absl::Time now, Metrics& metrics, const log::Logger& log) {
  absl::Time since = now - Days(config.partitions_past_days());
  // What retention has dropped is not made again.
  if (config.retention_days() > 0) since = std::max(since, now - Days(config.retention_days()));
  ASSIGN_OR_RETURN(
      const int64_t made,
      QueryNumber(connection,
                  "SELECT create_event_partitions($1::timestamptz, $2::timestamptz, $3::integer)",
                  {TimeParameter(since), TimeParameter(now + Days(config.partitions_ahead_days())),
                   absl::StrCat(config.partition_days())}));
  if (made > 0) log.Info("made partitions", {{"count", made}});
  ASSIGN_OR_RETURN(
      const int64_t end,
      QueryNumber(connection, "SELECT extract(epoch FROM max(last))::bigint FROM event_partitions",
                  {}));
  metrics.partitions_end.Set(static_cast<double>(end));
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
      const absl::Status maintained =
          MakePartitions(*connection_, config_, absl::Now(), metrics_, log_);
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
