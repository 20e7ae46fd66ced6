// The receiving half of a stage: batches that are held until their outcome is known.
//
// A state machine without sockets, threads or clock, like Sender. docs/protocol.md has the rules.
// Not thread-safe; one thread drives it.
#ifndef COMMON_PIPELINE_RECEIVER_H_
#define COMMON_PIPELINE_RECEIVER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/pipeline/batch.h"
#include "common/pipeline/outcome.h"
#include "common/pipeline/parcel.h"
#include "mentat/pipeline/v1/batch.pb.h"

namespace mentat::pipeline {

// No peer may put more events into a batch.
inline constexpr uint32_t kMaxBatchEvents = 10000;

class Receiver {
 public:
  struct Options {
    uint64_t epoch = 0;
    uint32_t max_held_events = 65536;
    uint64_t max_held_bytes = 64 << 20;
    uint32_t max_batch_events = kMaxBatchEvents;  // more in a batch is refused
    uint32_t remembered = 1024;                   // settled batches remembered for each sender
    uint32_t max_senders = 512;
    Span forget_sender = std::chrono::seconds(60);  // after its last message
    Span go_wait = std::chrono::seconds(1);         // for an isolated batch's `go`
  };

  // What the receiver does to the world.
  class Effects {
   public:
    virtual ~Effects() = default;
    // Sends to a sender's acknowledgement endpoint; what cannot be sent is lost, and asked for
    // again.
    virtual void SendAck(const std::string& ack_endpoint, const v1::Ack& ack) = 0;
    // Nothing has come from this sender for long.
    virtual void Forget(const std::string& ack_endpoint) = 0;
  };

  // A batch that a worker is to begin. `serial` names it to Settle and Finished.
  struct Work {
    uint64_t serial = 0;
    BatchView batch;
    std::optional<Instant> deadline;
  };

  struct Counters {
    uint64_t batches = 0;
    uint64_t events = 0;             // accepted, each once
    uint64_t repeated_batches = 0;   // held or settled already
    uint64_t refused_batches = 0;    // not sound: answered to nobody
    uint64_t returned_events = 0;    // answered RETRY
    uint64_t abandoned_batches = 0;  // isolated, without `go`
  };

  struct HeldView {
    uint64_t serial = 0;
    uint64_t epoch = 0;  // of the sender
    uint64_t id = 0;
    uint32_t attempt = 0;
    uint64_t events = 0;
    uint64_t bytes = 0;
    Instant since;
    std::string ack_endpoint;
    bool begun = false;
    bool isolated = false;
  };

  Receiver(Options options, Effects* effects);

  void OnBatch(BatchView batch, Instant now);
  void OnControl(const v1::Control& control, Instant now);

  // Batches to begin, up to about `max_events`; an isolated one comes alone, when nothing else is
  // being worked on. Each call's batches must be reported by one Finished call.
  std::vector<Work> Begin(uint32_t max_events, Instant now);
  // The worker is done with what one Begin gave it, though outcomes may be open.
  void Finished(const std::vector<uint64_t>& serials, Instant now);
  // The outcomes of all events of a batch are known.
  void Settle(uint64_t serial, const Outcomes& outcomes);

  // Keep-alives; call at least every 100 ms.
  void Tick(Instant now);
  // Sends what Settle and Begin have gathered; call when there is nothing more to do at once.
  void Flush();

  // Wants no new batches (or wants them again); `returning` gives those that come all the same
  // back.
  void Close(bool closed, bool returning);

  // Whether no more can be held: what comes goes back.
  bool full() const {
    return held_events_ >= options_.max_held_events || held_bytes_ >= options_.max_held_bytes;
  }
  bool has_work() const {
    return exclusive_ == Exclusive::kMayRun || !queue_.empty() || !isolated_.empty();
  }
  uint64_t held_batches() const { return held_.size(); }
  uint64_t held_events() const { return held_events_; }
  uint64_t held_bytes() const { return held_bytes_; }
  std::optional<Instant> oldest() const;
  // The batches that are held, the oldest first, `limit` at the most.
  std::vector<HeldView> Oldest(size_t limit) const;
  const Counters& counters() const { return counters_; }

 private:
  struct Remote {
    std::string ack_endpoint;
    Instant seen;
    Instant kept_alive;
    Span keep_alive = std::chrono::seconds(1);
    std::map<uint64_t, uint64_t> held;                // batch id to serial
    std::map<uint64_t, v1::BatchOutcome> remembered;  // by batch id
    std::deque<uint64_t> remembered_order;
    v1::Ack pending;
    bool dirty = false;
  };

  enum class State { kQueued, kReady, kBegun, kFinished };

  struct Held {
    uint64_t sender = 0;  // epoch
    uint64_t id = 0;
    uint32_t attempt = 0;
    bool isolated = false;
    bool in_company = false;  // begun among others, so that `begun` must not be said of it alone
    State state = State::kQueued;
    BatchView batch;  // until begun
    uint32_t events = 0;
    uint64_t bytes = 0;
    Instant since;
    std::optional<Instant> deadline;
  };

  static bool Begun(const Held& held) {
    return !held.in_company && (held.state == State::kReady || held.state == State::kBegun);
  }
  Remote* Meet(uint64_t epoch, const std::string& ack_endpoint, Instant now);
  void Remember(Remote& remote, v1::BatchOutcome outcome);
  void AnswerAll(Remote& remote, uint64_t id, uint32_t attempt, v1::EventOutcome::Kind kind);
  void Drop(uint64_t serial);
  void ListHeld(Remote& remote);
  void ForgetEndpoint(const std::string& endpoint);

  const Options options_;
  Effects* const effects_;
  uint64_t next_serial_ = 1;
  std::map<uint64_t, Remote> remotes_;  // by epoch
  std::unordered_map<uint64_t, Held> held_;
  std::deque<uint64_t> queue_;
  std::deque<uint64_t> isolated_;
  std::set<std::pair<Instant, uint64_t>> ages_;
  // The isolated batch that has the stage for itself: from `begun`, over `go`, to `release`. Until
  // its sender knows that it is finished, the death of other work would be put down to it.
  enum class Exclusive { kNone, kAwaitingGo, kMayRun, kRunning, kAwaitingRelease };
  Exclusive exclusive_ = Exclusive::kNone;
  uint64_t exclusive_serial_ = 0;
  uint64_t exclusive_sender_ = 0;
  uint64_t exclusive_id_ = 0;
  Instant exclusive_since_;
  bool ordinary_turn_ = false;  // after an isolated batch the others have theirs
  int active_ = 0;              // Begin calls not yet finished
  bool closed_ = false;
  bool returning_ = false;
  uint64_t held_events_ = 0;
  uint64_t held_bytes_ = 0;
  Counters counters_;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_RECEIVER_H_
