// A stage's end of the pipeline: batches in, a processor's verdicts, batches out, acknowledgements
// back. docs/protocol.md has the rules; this header is all that a service needs of them.
#ifndef COMMON_PIPELINE_STAGE_H_
#define COMMON_PIPELINE_STAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pipeline/body.h"
#include "common/pipeline/in_flight.h"
#include "common/pipeline/item.h"
#include "common/pipeline/ledger.h"
#include "common/pipeline/outcome.h"
#include "common/service/log.h"
#include "mentat/config/v1/common.pb.h"

namespace prometheus {
class Registry;
}

namespace mentat::pipeline {

class Tap;

// What a stage does with events. Each worker thread has a processor of its own.
class Processor {
 public:
  virtual ~Processor() = default;
  // Gives each item its verdict. May block, for a database that is away for instance, but must
  // return soon after `stop` is requested, with the verdict Retry for what it could not do.
  virtual void Process(std::span<Item> items, std::stop_token stop) = 0;
};

// Events that a source hands over, encoded as they will be sent: an event is copied or serialised
// once, right here. Not thread-safe.
class SourceBatch {
 public:
  // Prepares for so many bytes of events.
  void Reserve(size_t bytes) { body_.Reserve(bytes); }
  // Adds an event; `received_at` in microseconds since 1970-01-01T00:00:00Z.
  void Add(std::string_view event, int64_t received_at) { body_.Append(event, received_at); }
  void Add(const idea::v1::Event& event, int64_t received_at) {
    event.ByteSizeLong();
    body_.AppendSized(event, received_at);
  }
  // Adds raw bytes that the source itself has to reject.
  void AddDeadLetter(std::string_view bytes, int64_t received_at,
                     const v1::DeadLetter& dead_letter) {
    dead_letters_.push_back(size());
    body_.Append(bytes, received_at, &dead_letter);
  }
  // Adds a heartbeat, whose outcome is KIND_STORED once it has been through all stages and is
  // committed.
  void AddHeartbeat(int64_t received_at) { body_.Append("", received_at, nullptr, true); }

  uint32_t size() const { return body_.events(); }
  uint64_t bytes() const { return body_.bytes().size(); }
  // The events so far, encoded.
  const Body& body() const { return body_; }

 private:
  friend class StageCore;

  Body body_;
  std::vector<uint32_t> dead_letters_;  // indexes
};

// An event that a source hands over, where it comes one by one.
struct SourceEvent {
  std::string event;        // mentat.idea.v1.Event, serialised (raw bytes with a dead letter)
  int64_t received_at = 0;  // microseconds since 1970-01-01T00:00:00Z
  bool is_dead_letter = false;
  v1::DeadLetter dead_letter;  // an event that the source itself has to reject
};

// One peer of an output, as seen from here.
struct PeerStatus {
  std::string output;
  std::string endpoint;  // resolved address
  bool connected = false;
  uint64_t outstanding_batches = 0;
  uint64_t outstanding_events = 0;
  double oldest_seconds = 0;  // age of the oldest unacknowledged batch
  uint64_t window_events = 0;
  uint64_t settled_events = 0;  // since it became a peer
};

// How the events of one output did since the start.
struct OutputStatus {
  std::string name;
  uint64_t batches = 0;         // handed to it
  uint64_t events = 0;          // likewise
  uint64_t settled_events = 0;  // by its peers
  uint64_t resent_batches = 0;
  uint64_t late_acks = 0;
  uint64_t given_up_events = 0;  // since it is best effort
};

struct StageStatus {
  bool paused = false;
  bool draining = false;
  Ledger ledger;
  std::vector<PeerStatus> peers;
  std::vector<OutputStatus> outputs;
  uint64_t resent_batches = 0;
  uint64_t late_acks = 0;
  double oldest_seconds = 0;  // age of the oldest event held here
};

// InvalidArgument names the first peer that is no endpoint.
absl::Status CheckPeers(const config::v1::PipelineConfig& config);

struct StageOptions {
  std::string name;      // of the stage: `inspector`
  std::string instance;  // of this process
  config::v1::PipelineConfig config;
  // Makes the processor of a worker; null for a source.
  std::function<std::unique_ptr<Processor>()> make_processor;
  // Whether the processor is to be given dead letters and heartbeats too; else they pass by it.
  bool process_dead_letters = false;
  // Whether events are parsed before the processor sees them, and become dead letters if they
  // cannot be. For a processor that looks at Item::wire alone, false spares the time.
  bool parse_events = true;
  log::Logger log = log::Logger::Null();
  prometheus::Registry* registry = nullptr;  // outlives the stage
};

// Thread-safe.
class Stage {
 public:
  // Binds the sockets and checks the configuration; nothing flows yet.
  static absl::StatusOr<std::unique_ptr<Stage>> Create(StageOptions options);
  virtual ~Stage() = default;

  // Begins to take batches and to look for peers.
  virtual absl::Status Start() = 0;

  // Sources: hands events over, as one batch unless they are more than the configuration's
  // max_batch_events or max_batch_bytes. Blocks while the window is
  // full. `settled` is called once, from the pipeline's thread, with an outcome for each event in
  // their order; it must not block. Unavailable when the stage is draining: then `settled` is never
  // called.
  virtual absl::Status Submit(SourceBatch batch, std::function<void(Outcomes)> settled) = 0;
  // The same for events that come one by one.
  absl::Status Submit(std::vector<SourceEvent> events, std::function<void(Outcomes)> settled);

  // Gives an output other peers (endpoints as in the configuration) while it runs; what a peer that
  // is not named any more still holds is settled with it. InvalidArgument for what is no endpoint,
  // NotFound for an output that was not configured; then nothing has changed.
  virtual absl::Status SetPeers(const std::string& output, std::vector<std::string> peers) = 0;

  // Stops and goes on taking new work; what is held is finished. Once they return the status says
  // so. Before Start, and while it drains, they do not wait.
  virtual void Pause() = 0;
  virtual void Resume() = 0;

  // Takes no more, waits until all that is held is settled, at the most for `grace`. OK if nothing
  // was left. The stage cannot be started again.
  virtual absl::Status Drain(absl::Duration grace) = 0;

  // Reads the files with the allowed keys again, if connections are encrypted; an error leaves the
  // old ones in use. What it returns brings them into use: a key that is no longer there loses its
  // effect at once. It must not outlive the stage.
  virtual absl::StatusOr<std::function<void()>> PrepareKeys() = 0;
  // Both at once.
  absl::Status ReloadKeys();

  // OK when the stage can take and pass on events: running, and each output that is not best effort
  // has a connected peer. Else the reason.
  virtual absl::Status Ready() const = 0;

  virtual StageStatus Status() const = 0;
  // The oldest batches that are held or on their way, `limit` at the most. Unavailable once the
  // stage has ended, DeadlineExceeded if its thread does not answer.
  virtual absl::StatusOr<InFlight> ListInFlight(size_t limit) = 0;
  // For looking at events as they leave.
  virtual Tap& tap() = 0;
  // Endpoint that the input is bound to, with the port that was chosen; empty for a source.
  virtual std::string input_endpoint() const = 0;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_STAGE_H_
