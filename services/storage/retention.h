// Deletes what is older than it is kept: a job, so that one instance does it.
#ifndef SERVICES_STORAGE_RETENTION_H_
#define SERVICES_STORAGE_RETENTION_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/connection.h"
#include "mentat/config/v1/storage.pb.h"
#include "services/storage/metrics.h"

namespace mentat::storage {

// Deletes what is too old at `now`, in transactions of a bounded size; what it has deleted, in
// words. Gives up after some seconds where a search holds the locks it needs. Ends early when
// `stop` is requested.
absl::StatusOr<std::string> Retain(store::Connection& connection,
                                   const config::v1::StorageConfig& config, absl::Time now,
                                   const std::stop_token& stop, Metrics& metrics);

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_RETENTION_H_
