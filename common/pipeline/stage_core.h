// A whole stage without sockets: the receiver, one sender for each output, and between them the
// groups that know which branches of which event are still open.
//
// A state machine like its parts; not thread-safe, one thread drives it. Jobs are run elsewhere.
#ifndef COMMON_PIPELINE_STAGE_CORE_H_
#define COMMON_PIPELINE_STAGE_CORE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/pipeline/group.h"
#include "common/pipeline/in_flight.h"
#include "common/pipeline/job.h"
#include "common/pipeline/receiver.h"
#include "common/pipeline/router.h"
#include "common/pipeline/sender.h"
#include "common/pipeline/stage.h"

namespace mentat::pipeline {

class StageCore : private Receiver::Effects {
 public:
  struct Output {
    Sender::Options sender;
    bool best_effort = false;
  };

  struct Options {
    std::string name;
    std::string instance;
    std::optional<Receiver::Options> receiver;  // none for a source
    std::map<std::string, Output> outputs;
    bool process_dead_letters = false;
    bool parse_events = true;
    uint64_t max_event_bytes = 5 << 20;
    uint32_t max_batch_events = 512;
    uint64_t max_batch_bytes = 1 << 20;
  };

  // What the stage does to the world.
  class Effects {
   public:
    virtual ~Effects() = default;
    virtual bool SendBatch(const std::string& output, PeerId peer, const BatchHeader& header,
                           Body& body) = 0;
    virtual bool SendControl(const std::string& output, PeerId peer,
                             const v1::Control& control) = 0;
    virtual void SendAck(const std::string& ack_endpoint, const v1::Ack& ack) = 0;
    virtual void Forget(const std::string& ack_endpoint) = 0;
    // A dead letter has begun here.
    virtual void Rejected(const Rejection& rejection) = 0;
  };

  using SettledCallback = std::function<void(Outcomes)>;

  StageCore(Options options, Effects* effects);
  ~StageCore() override;

  // Sources.
  void Submit(SourceBatch batch, SettledCallback settled, Instant now);

  // What came in. Batches and controls need a receiver.
  void OnBatch(BatchView batch, Instant now);
  void OnControl(const v1::Control& control, Instant now);
  void OnAck(const v1::Ack& ack, Instant now);

  // Work for one worker, if there is any: for RunJob.
  std::unique_ptr<Job> NextJob(uint32_t max_events, Instant now);
  void FinishJob(std::unique_ptr<Job> job, Instant now);

  // Wants no new batches; see Receiver::Close.
  void Close(bool closed, bool returning);
  void Tick(Instant now);
  // Sends the acknowledgements that have gathered; call when nothing more is to do at once.
  void Flush();

  Sender& sender(const std::string& output) { return *outputs_.at(output).sender; }
  const Receiver* receiver() const { return receiver_ ? &*receiver_ : nullptr; }
  const Ledger& ledger() const { return ledger_; }
  uint64_t given_up_events() const { return given_up_events_; }
  uint64_t given_up_events(const std::string& output) const {
    return outputs_.at(output).given_up_events;
  }
  // Whether nothing is held and nothing is on its way.
  bool idle() const;
  std::optional<Instant> oldest() const;
  // The oldest batches on both sides, `limit` at the most.
  InFlight ListInFlight(size_t limit, Instant now) const;

 private:
  struct Entry {
    Group group;
    SettledCallback settled;  // of a source's submission; else the receiver is told
    Instant since;
  };

  class OutputEffects;
  struct OutputState {
    std::unique_ptr<OutputEffects> effects;
    std::unique_ptr<Sender> sender;
    bool best_effort = false;
    uint64_t given_up_events = 0;
  };

  void SendAck(const std::string& ack_endpoint, const v1::Ack& ack) override;
  void Forget(const std::string& ack_endpoint) override;

  using Parcels = std::map<std::string, std::vector<Parcel>, std::less<>>;

  void Take(uint64_t id, Entry entry);
  void Dispatch(Parcels parcels, Instant now);
  void Settle(const Tickets& tickets, v1::EventOutcome::Kind kind,
              const v1::DeadLetter* dead_letter);
  void Close(uint64_t id, Entry entry);

  const Options options_;
  Effects* const effects_;
  std::optional<Receiver> receiver_;
  std::map<std::string, OutputState> outputs_;
  Routes routes_;
  // By the serial of the receiver's batch, or the number of the source's submission.
  std::unordered_map<uint64_t, Entry> groups_;
  uint64_t next_group_ = 1;
  Ledger ledger_;
  uint64_t given_up_events_ = 0;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_STAGE_CORE_H_
