// Looks after the database beside the flow of events: whether it can be used, and partitions ahead
// of time. Several instances may do so at the same time. retention.h deletes.
#ifndef SERVICES_STORAGE_MAINTENANCE_H_
#define SERVICES_STORAGE_MAINTENANCE_H_

#include <memory>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/service/log.h"
#include "common/store/connection.h"
#include "mentat/config/v1/storage.pb.h"
#include "services/storage/health.h"
#include "services/storage/metrics.h"

namespace mentat::storage {

// Makes the missing partitions, as seen at `now`. Gives up after some seconds where a search holds
// the locks it needs.
absl::Status MakePartitions(store::Connection& connection, const config::v1::StorageConfig& config,
                            absl::Time now, Metrics& metrics, const log::Logger& log);

// Looks at the size of the database and at its sessions, for the metrics.
absl::Status Observe(store::Connection& connection, Metrics& metrics);

class Maintenance {
 public:
  // `health` and `metrics` outlive it.
  Maintenance(const config::v1::StorageConfig& config, store::ConnectionOptions options,
              Health& health, Metrics& metrics, log::Logger log);

  // Returns when `stop` is requested.
  void Run(std::stop_token stop);

 private:
  // Connects if need be, and checks that the database answers and has the right schema.
  absl::Status Check();

  const config::v1::StorageConfig config_;
  const store::ConnectionOptions options_;
  Health& health_;
  Metrics& metrics_;
  log::Logger log_;
  std::unique_ptr<store::Connection> connection_;
};

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_MAINTENANCE_H_
