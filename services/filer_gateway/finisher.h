// Brings the files that were taken to their end, on a thread of its own: removed when all of their
// events are settled, to errors with what was refused, or back to incoming.
//
// Nothing is removed before what has to be kept of it is on disk. An operation that the file system
// refuses is tried again until it succeeds; the file stays in pending for as long. Thread-safe.
#ifndef SERVICES_FILER_GATEWAY_FINISHER_H_
#define SERVICES_FILER_GATEWAY_FINISHER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/base/unique_fd.h"
#include "common/pipeline/stage.h"
#include "common/service/log.h"
#include "services/filer_gateway/closer.h"
#include "services/filer_gateway/error_folder.h"
#include "services/filer_gateway/metrics.h"
#include "services/filer_gateway/queue.h"

namespace mentat::filer {

// A file that was taken. Once the reader has handed over an event of it, only the finisher looks
// inside.
struct TakenFile {
  explicit TakenFile(ClaimedFile claimed) : claimed(std::move(claimed)) {}

  ClaimedFile claimed;
  uint64_t settled = 0;            // events whose outcome is known
  std::optional<uint64_t> events;  // all of them, when the file has been read to its end
  uint64_t kept = 0;               // refused events put into errors singly
  std::optional<Refusal> refusal;  // why the file goes to errors as a whole
  bool give_back = false;          // an event has to be sent again
};

// One event of a file that was handed to the pipeline.
struct EventRef {
  std::shared_ptr<TakenFile> file;
  uint64_t line = 0;  // 0 if the file is one document
  std::string text;   // the bytes of the line, kept until they are settled
};

using EventRefs = std::shared_ptr<std::vector<EventRef>>;

class Finisher {
 public:
  struct Options {
    uint64_t max_files = 8192;
    uint64_t max_error_files = 1000;  // of one file
    absl::Duration retry = absl::Seconds(1);
    log::Logger log = log::Logger::Null();
  };

  // `queue` and `metrics` outlive it.
  Finisher(const Queue& queue, InMetrics& metrics, Options options);
  // Finishes what it has been told of; files that are not settled stay in pending for another.
  ~Finisher();

  // A file was taken.
  std::shared_ptr<TakenFile> Take(ClaimedFile file);
  // Waits until there is room below the limit for an eighth of it, so that the next batches are not
  // of one file each; false when `stop` was requested before.
  bool WaitForRoom(std::stop_token stop);
  uint64_t files() const;
  bool AtLimit() const { return files() >= options_.max_files; }

  // What the pipeline is to call when the events are settled. May be called, or dropped, after the
  // finisher is gone.
  std::function<void(pipeline::Outcomes)> WhenSettled(EventRefs events);
  // The pipeline does not take these events.
  void GiveBack(EventRefs events);
  // An event of a file of many that is not handed to the pipeline.
  void Refuse(EventRef event, Refusal refusal);
  // The file has been read: so many events were handed over or refused. With a refusal, the file
  // goes to errors as a whole when they are settled.
  void Close(std::shared_ptr<TakenFile> file, uint64_t events, std::optional<Refusal> refusal);
  // The file was not read to its end, since the gateway stops.
  void Abandon(std::shared_ptr<TakenFile> file, uint64_t events);
  // Something in pending that can never be worked on.
  void Discard(std::string name, Refusal refusal);

  // Why files cannot be finished at present.
  absl::Status Health() const;

 private:
  using Task = std::function<absl::Status()>;

  // What outlives the finisher in the hands of the pipeline.
  struct Inbox {
    Mutex mutex;
    CondVar changed;  // tasks, closed
    CondVar room;     // files
    std::deque<Task> tasks ABSL_GUARDED_BY(mutex);
    bool closed ABSL_GUARDED_BY(mutex) = false;
    uint64_t files ABSL_GUARDED_BY(mutex) = 0;
    absl::Status health ABSL_GUARDED_BY(mutex);
  };

  static void Post(Inbox& inbox, Task task);
  void Run();

  // These are for the finisher's thread. A task that fails is put aside to be tried again.
  void Do(Task task);
  void RetryFailed();
  void ReportHealth(absl::Status status);
  // `dead_letter` may be null.
  void Settle(EventRef event, pipeline::Outcomes::Kind kind,
              const pipeline::v1::DeadLetter* dead_letter);
  absl::Status KeepRefused(const EventRef& event, const Refusal& refusal);
  void CountSettled(const std::shared_ptr<TakenFile>& file);
  void FinishIfDone(const std::shared_ptr<TakenFile>& file);
  absl::Status Finish(TakenFile& file);
  // A file is not ours any more.
  void CountDone();

  const Queue& queue_;
  InMetrics& metrics_;
  const Options options_;
  const uint64_t roomy_files_;  // how many leave room for more
  const ErrorFolder errors_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::deque<Task> failed_;        // to be tried again; the thread's own
  std::vector<UniqueFd> removed_;  // to be closed; the thread's own
  Closer closer_;
  std::thread thread_;
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_FINISHER_H_
