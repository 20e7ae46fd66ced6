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

#include "common/pipeline/job.h"
#include "common/pipeline/receiver.h"
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
    uint64_t max_event_bytes = 5 << 20;
  };

  // What the stage does to the world.
  class Effects {
   public:
    virtual ~Effects() = default;
    virtual bool SendBatch(const std::string& output, PeerId peer, const v1::Batch& batch) = 0;
    virtual bool SendControl(const std::string& output, PeerId peer,
                             const v1::Control& control) = 0;
    virtual void SendAck(const std::string& ack_endpoint, const v1::Ack& ack) = 0;
    virtual void Forget(const std::string& ack_endpoint) = 0;
    // A dead letter has begun here.
    virtual void Rejected(const v1::DeadLetter& dead_letter) = 0;
  };

  using SettledCallback = std::function<void(std::vector<Outcome>)>;

  StageCore(Options options, Effects* effects);
  ~StageCore() override;

  // Sources.
  void Submit(std::vector<SourceEvent> events, SettledCallback settled, Instant now);

  // What came in. Batches and controls need a receiver.
  void OnBatch(v1::Batch batch, Instant now);
  void OnControl(const v1::Control& control, Instant now);
  void OnAck(const v1::Ack& ack, Instant now);

  // Work for one worker, if there is any; dead letters that no worker wants are passed on at once.
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
  // Whether nothing is held and nothing is on its way.
  bool idle() const;
  std::optional<Instant> oldest() const;

 private:
  // Where an event is to be booked in the ledger.
  enum class Book : unsigned char { kForwarded, kDropped, kRejected, kStored };

  struct EventState {
    uint32_t open = 0;  // branches
    Book book = Book::kForwarded;
    Outcome outcome;
  };

  struct Group {
    std::vector<EventState> events;
    uint32_t open = 0;        // events
    uint64_t serial = 0;      // of the receiver's batch
    SettledCallback settled;  // of a source's submission
    Instant since;
  };

  class OutputEffects;
  struct OutputState {
    std::unique_ptr<OutputEffects> effects;
    std::unique_ptr<Sender> sender;
    bool best_effort = false;
    std::vector<Sender::Event> gathered;
  };

  void SendAck(const std::string& ack_endpoint, const v1::Ack& ack) override;
  void Forget(const std::string& ack_endpoint) override;

  void Route(const std::string& output, v1::Item item, Ticket ticket,
             std::optional<Instant> deadline);
  void SubmitGathered(Instant now);
  void RejectEvent(Item& item, std::string wire, Ticket ticket, std::optional<Instant> deadline);
  v1::DeadLetter MakeDeadLetter(v1::Reason reason, std::string_view message) const;
  void PassDeadLetter(v1::Item item, Ticket ticket, std::optional<Instant> deadline);
  void SettleBranch(Ticket ticket, v1::EventOutcome::Kind kind, const v1::DeadLetter* dead_letter);
  void CloseGroup(uint64_t id, Group& group);
  EventState* Find(Ticket ticket);

  const Options options_;
  Effects* const effects_;
  std::optional<Receiver> receiver_;
  std::map<std::string, OutputState> outputs_;
  std::unordered_map<uint64_t, Group> groups_;
  uint64_t next_group_ = 1;
  Ledger ledger_;
  uint64_t given_up_events_ = 0;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_STAGE_CORE_H_
