// What the storage counts.
#ifndef SERVICES_STORAGE_METRICS_H_
#define SERVICES_STORAGE_METRICS_H_

#include "absl/status/status.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace mentat::storage {

// Thread-safe; lives as long as the registry.
struct Metrics {
  explicit Metrics(prometheus::Registry& registry);

  // The counter of tries that failed for the time being, by what the error says.
  prometheus::Counter& Retry(absl::StatusCode code);

  prometheus::Counter& stored;
  prometheus::Counter& duplicates;
  prometheus::Counter& conflicts;
  prometheus::Counter& dead_letters;
  prometheus::Counter& refused;
  prometheus::Counter& heartbeats;
  prometheus::Counter& transactions;
  prometheus::Histogram& transaction_seconds;
  prometheus::Histogram& transaction_events;
  prometheus::Histogram& latency_seconds;
  prometheus::Counter& bisections;
  prometheus::Counter& retries_unavailable;
  prometheus::Counter& retries_aborted;
  prometheus::Counter& retries_schema;
  prometheus::Counter& retries_other;
  prometheus::Gauge& connections;
  prometheus::Gauge& holding_workers;
  prometheus::Gauge& partitions_end;
  prometheus::Counter& partitions_dropped;
  prometheus::Counter& maintenance_errors;
  prometheus::Gauge& database_up;
  prometheus::Gauge& database_bytes;
  prometheus::Gauge& database_sessions;
  prometheus::Gauge& database_max_sessions;
  prometheus::Gauge& database_oldest_transaction;
};

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_METRICS_H_
