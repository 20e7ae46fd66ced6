#include "services/storage/metrics.h"

#include "common/service/metrics.h"

namespace mentat::storage {

using service::AddCounter;
using service::AddGauge;
using service::AddHistogram;
using service::LatencyBuckets;

namespace {

prometheus::Counter& AddRetries(prometheus::Registry& registry, const char* kind) {
  return AddCounter(registry, "mentat_storage_retries_total",
                    "Transactions that failed for the time being and were tried again.",
                    {{"kind", kind}});
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : stored(AddCounter(registry, "mentat_storage_stored_events_total", "Events stored anew.")),
      duplicates(AddCounter(registry, "mentat_storage_duplicate_events_total",
                            "Events that were stored before, by their identifier.")),
      conflicts(AddCounter(registry, "mentat_storage_conflicting_events_total",
                           "Duplicates with another time of detection than the stored event.")),
      dead_letters(AddCounter(registry, "mentat_storage_dead_letters_total",
                              "Events kept as dead letters, of all stages.")),
      refused(AddCounter(registry, "mentat_storage_refused_events_total",
                         "Events that the database refused; dead letters too.")),
      heartbeats(AddCounter(registry, "mentat_storage_heartbeats_total",
                            "Heartbeats of sources that were committed.")),
      transactions(
          AddCounter(registry, "mentat_storage_transactions_total", "Transactions committed.")),
      transaction_seconds(AddHistogram(registry, "mentat_storage_transaction_seconds",
                                       "Time from begin to commit.", LatencyBuckets())),
      transaction_events(AddHistogram(registry, "mentat_storage_transaction_events",
                                      "Events in a transaction.",
                                      {1, 4, 16, 64, 256, 512, 1024, 2048, 4096, 8192})),
      latency_seconds(AddHistogram(registry, "mentat_storage_latency_seconds",
                                   "Time from an event's receipt by its source to its commit.",
                                   LatencyBuckets())),
      bisections(AddCounter(registry, "mentat_storage_bisections_total",
                            "Transactions halved in the search for a row that is refused.")),
      retries_unavailable(AddRetries(registry, "unavailable")),
      retries_aborted(AddRetries(registry, "aborted")),
      retries_schema(AddRetries(registry, "schema")),
      retries_other(AddRetries(registry, "other")),
      connections(AddGauge(registry, "mentat_storage_connections",
                           "Connections that workers have to the database.")),
      holding_workers(
          AddGauge(registry, "mentat_storage_holding_workers",
                   "Workers that hold events because the database does not take them.")),
      partitions_end(AddGauge(registry, "mentat_storage_partitions_end_timestamp_seconds",
                              "Time up to which there are partitions, since 1970.")),
      partitions_dropped(AddCounter(registry, "mentat_storage_partitions_dropped_total",
                                    "Partitions dropped since they were too old.")),
      maintenance_errors(AddCounter(registry, "mentat_storage_maintenance_errors_total",
                                    "Rounds of maintenance that failed.")),
      database_up(AddGauge(registry, "mentat_storage_database_up",
                           "1 if the database answered the last time and has the right schema, "
                           "else 0.")),
      database_bytes(
          AddGauge(registry, "mentat_storage_database_size_bytes", "Size of the database.")),
      database_sessions(AddGauge(registry, "mentat_storage_database_sessions",
                                 "Sessions of all users of the server.")),
      database_max_sessions(AddGauge(registry, "mentat_storage_database_max_sessions",
                                     "Sessions that the server takes at the most.")),
      database_oldest_transaction(
          AddGauge(registry, "mentat_storage_database_oldest_transaction_seconds",
                   "Age of the oldest open transaction that the storage's role can see.")) {}

prometheus::Counter& Metrics::Retry(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return retries_unavailable;
    case absl::StatusCode::kAborted:
      return retries_aborted;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
      return retries_schema;
    default:
      return retries_other;
  }
}

}  // namespace mentat::storage
