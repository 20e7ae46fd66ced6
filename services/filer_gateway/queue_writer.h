// Puts events of the pipeline into a directory queue, one file each, for another system to take.
//
// An event counts as stored when its file is on disk and in incoming. The file is called after the
// event's ID, whoever writes it, so an event that is delivered again while its file still waits
// makes no second one. While more files wait than the limit, or the disk takes none, the writer
// waits.
#ifndef SERVICES_FILER_GATEWAY_QUEUE_WRITER_H_
#define SERVICES_FILER_GATEWAY_QUEUE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/pipeline/stage.h"
#include "common/service/log.h"
#include "services/filer_gateway/metrics.h"
#include "services/filer_gateway/queue.h"
#include "services/filer_gateway/watch.h"

namespace mentat::filer {

// The queue that all writers of a process share. Thread-safe.
class Target {
 public:
  struct Options {
    uint64_t max_waiting_files = 5000;  // 0 is without limit
    absl::Duration first_retry = absl::Milliseconds(100);
    absl::Duration last_retry = absl::Seconds(5);
    log::Logger log = log::Logger::Null();
  };

  // `metrics` outlives it.
  static absl::StatusOr<std::unique_ptr<Target>> Open(const std::string& path, OutMetrics& metrics,
                                                      Options options);

  // Waits until files may be added, and says how many, at most `wanted`; 0 when `stop` was
  // requested.
  size_t WaitForRoom(size_t wanted, std::stop_token stop);

  const Queue& queue() const { return queue_; }
  const Options& options() const { return options_; }
  OutMetrics& metrics() { return metrics_; }

  // What the last write came to.
  void Report(absl::Status status);
  absl::Status Health() const;

 private:
  Target(Queue queue, Watch departures, OutMetrics& metrics, Options options);

  Queue queue_;
  const Options options_;
  OutMetrics& metrics_;
  Mutex room_mutex_;
  Watch departures_ ABSL_GUARDED_BY(room_mutex_);
  // Files that may be added before looking again.
  uint64_t room_ ABSL_GUARDED_BY(room_mutex_) = 0;
  mutable Mutex health_mutex_;
  absl::Status health_ ABSL_GUARDED_BY(health_mutex_);
};

// The name of the file of an event.
std::string FileNameOf(std::string_view event_id);

// One for each worker.
class QueueWriter : public pipeline::Processor {
 public:
  // `target` outlives it.
  explicit QueueWriter(Target& target);

  void Process(std::span<pipeline::Item> items, std::stop_token stop) override;

 private:
  // Writes a file for each of the items and gives them their verdicts; an error leaves all without.
  absl::Status WriteFiles(std::span<pipeline::Item> items);

  Target& target_;
  const std::string temporary_prefix_;  // no other writer's
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_QUEUE_WRITER_H_
