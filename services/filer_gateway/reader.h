// Takes files of a queue, reads their events and hands them to the pipeline in batches.
//
// A batch is handed over when it is full, or at once when no further file waits: there is nothing
// to linger for. When the pipeline is full the reader waits and the files wait in incoming. Large
// files are read a batch at a time, in turn with the others, so that none has to wait for one of a
// gigabyte.
#ifndef SERVICES_FILER_GATEWAY_READER_H_
#define SERVICES_FILER_GATEWAY_READER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/idea/codec.h"
#include "common/pipeline/stage.h"
#include "common/service/log.h"
#include "mentat/idea/v1/event.pb.h"
#include "services/filer_gateway/arrivals.h"
#include "services/filer_gateway/content.h"
#include "services/filer_gateway/event_reader.h"
#include "services/filer_gateway/finisher.h"
#include "services/filer_gateway/metrics.h"
#include "services/filer_gateway/queue.h"

namespace mentat::filer {

// pipeline::Stage::Submit.
using SubmitFunction =
    std::function<absl::Status(pipeline::SourceBatch, std::function<void(pipeline::Outcomes)>)>;

class Reader {
 public:
  struct Options {
    std::string stage;  // names in reasons
    std::string instance;
    size_t max_batch_events = 128;
    size_t max_batch_bytes = 1 << 20;
    idea::Limits event_limits;
    ContentLimits content_limits;
    absl::Duration rescan = absl::Seconds(10);
    absl::Duration retry = absl::Seconds(1);  // after trouble with the queue
    log::Logger log = log::Logger::Null();
  };

  // The references outlive it.
  Reader(const Queue& queue, Finisher& finisher, InMetrics& metrics, SubmitFunction submit,
         Options options);

  // Until `stop` is requested. Files that were taken and whose events are not handed over by then
  // are given back. Only an error that makes all work impossible is returned.
  absl::Status Run(std::stop_token stop);

  // Why files cannot be taken at present. Thread-safe.
  absl::Status Health() const;

 private:
  struct OpenFile {
    std::shared_ptr<TakenFile> taken;
    std::unique_ptr<EventReader> events;
    uint64_t count = 0;  // events so far
  };

  // Takes one file and reads its beginning.
  void Take(const Arrival& arrival);
  // Reads at most a batch of events. Whether there are more.
  bool ReadSome(OpenFile& file);
  void AddEvent(OpenFile& file, const EventReader::Piece& piece);
  void Flush();
  void Report(absl::Status status);
  Refusal MakeRefusal(std::string_view reason, std::string message) const;

  const Queue& queue_;
  Finisher& finisher_;
  InMetrics& metrics_;
  const SubmitFunction submit_;
  const Options options_;
  std::unique_ptr<Arrivals> arrivals_;
  std::deque<OpenFile> large_;  // files in the middle of reading
  pipeline::SourceBatch batch_;
  idea::v1::Event event_;  // the last one read; its memory serves the next
  EventRefs refs_ = std::make_shared<std::vector<EventRef>>();  // of the batch
  bool stopping_ = false;                                       // the pipeline takes no more

  mutable Mutex mutex_;
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_READER_H_
