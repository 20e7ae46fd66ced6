// A worker of the storage: a connection of its own, and patience.
//
// What it is given becomes one transaction, and an event has its verdict only when that is
// committed. While the database is away, refuses the worker or has another schema, the worker holds
// its events and tries again. Only a row that is refused alone, twice, is given up and kept as a
// dead letter.
#ifndef SERVICES_STORAGE_PROCESSOR_H_
#define SERVICES_STORAGE_PROCESSOR_H_

#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "common/pipeline/stage.h"
#include "common/service/log.h"
#include "common/store/backoff.h"
#include "common/store/connection.h"
#include "services/storage/health.h"
#include "services/storage/metrics.h"
#include "services/storage/writer.h"

namespace mentat::storage {

class StorageProcessor : public pipeline::Processor {
 public:
  // `health` and `metrics` outlive the processor. `name` tells the workers of a process apart.
  StorageProcessor(std::string name, Identity identity, store::ConnectionOptions options,
                   Health& health, Metrics& metrics, log::Logger log);
  ~StorageProcessor() override;

  void Process(std::span<pipeline::Item> items, std::stop_token stop) override;

 private:
  // Writes all of `work`, whatever it takes; what `stop` cuts short gets the verdict Retry.
  void WriteAll(std::span<Work> work, const std::stop_token& stop);
  absl::StatusOr<Written> TryWrite(std::span<Work> work, const std::stop_token& stop);
  // Opens the connection if there is none.
  absl::Status Connect(const std::stop_token& stop);
  void Disconnect();
  // Says why events are held, and waits.
  void Hold(const absl::Status& status, const std::stop_token& stop);
  void EndHold();
  void Settle(std::span<Work> work, const Written& written);

  const std::string name_;
  const Identity identity_;
  const store::ConnectionOptions options_;
  Health& health_;
  Metrics& metrics_;
  log::Logger log_;
  store::Backoff backoff_;
  bool holding_ = false;
  std::unique_ptr<store::Connection> connection_;
  Mutex mutex_;
  store::Connection* interruptible_ ABSL_GUARDED_BY(mutex_) = nullptr;  // what a stop interrupts
};

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_PROCESSOR_H_
