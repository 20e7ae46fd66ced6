// One event inside a stage: what came in, and what the stage decides to do with it.
//
// A processor is given items one call at a time and gives each a verdict; an item without one goes
// on to the output `default` (to nowhere, as stored, where the stage has no outputs). An item is
// used by one thread at a time, and is small: what few events need is kept aside.
#ifndef COMMON_PIPELINE_ITEM_H_
#define COMMON_PIPELINE_ITEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mentat/idea/v1/event.pb.h"
#include "mentat/pipeline/v1/batch.pb.h"

namespace mentat::pipeline {

class Item {
 public:
  enum class Verdict : uint8_t {
    kForward,
    kDispatch,
    kDrop,
    kReject,
    kStored,
    kDuplicate,
    kRetry,
  };

  // A copy of the event for one output.
  struct Copy {
    std::string output;
    std::string event;  // mentat.idea.v1.Event, serialised
  };

  // An item that stands for itself. `wire` is a serialised event; `dead_letter`, if the event is
  // one, outlives the item.
  explicit Item(std::string wire, int64_t received_at = 0,
                const v1::DeadLetter* dead_letter = nullptr);
  // An item whose bytes, dead letter (null if it is none) and arena outlive it; the parsed event
  // lives on the arena.
  Item(std::string_view wire, int64_t received_at, const v1::DeadLetter* dead_letter,
       google::protobuf::Arena* arena);
  Item(Item&&) noexcept;
  Item& operator=(Item&&) noexcept;
  ~Item();

  // The event as it came, serialised.
  std::string_view wire() const { return wire_; }
  // The event, parsed on first use; what is changed here travels on. Whether the wire bytes can be
  // parsed has been checked before the processor sees the item, unless the stage asked for
  // unparsed events.
  idea::v1::Event& event();
  // The same to read only: the wire bytes travel on as they came.
  const idea::v1::Event& view();
  // Whether the wire bytes are an event at all.
  bool Parse();
  // When the source took the event, microseconds since 1970-01-01T00:00:00Z.
  int64_t received_at() const { return received_at_; }
  // Why the event was rejected by an earlier stage; null for all items except a sink's that asked
  // for them.
  const v1::DeadLetter* dead_letter() const { return dead_letter_; }
  // Whether this is no event but a source's heartbeat, which is given to those alone that ask for
  // dead letters too: it is Stored once a transaction for it is committed.
  bool heartbeat() const { return heartbeat_; }
  void MarkHeartbeat() { heartbeat_ = true; }

  // Sends a copy of the event as it is now to another output as well.
  void Duplicate(std::string_view output);
  // Sends the event to `output` in place of `default`; nothing else becomes of it.
  void Dispatch(std::string_view output);
  // Ends the event's way here, on purpose; `rule` says by which rule.
  void Drop(std::string_view rule);
  // Gives the event up for good: it becomes a dead letter, of `rule` if it failed on one.
  void Reject(v1::Reason reason, std::string_view message, std::string_view rule = {});
  // Sinks: the event is safe for good, now or since an earlier time.
  void Stored() { verdict_ = Verdict::kStored; }
  void StoredBefore() { verdict_ = Verdict::kDuplicate; }
  // The event cannot be worked on now; the sender will send it again.
  void Retry() { verdict_ = Verdict::kRetry; }

  Verdict verdict() const { return verdict_; }
  const std::vector<Copy>& copies() const;
  const std::string& dispatch_output() const { return text(); }
  v1::Reason reason() const;
  const std::string& message() const { return text(); }
  // The rule that it was rejected on; empty if it was none.
  std::string_view rejecting_rule() const;
  // The event to send on where it was changed, else null: then it is `wire`.
  const idea::v1::Event* changed() const { return changed_ ? event_ : nullptr; }
  // The event to send on, serialised.
  std::string TakeWire() const;

 private:
  struct Rare {
    std::string wire;                        // of an item that stands for itself
    std::unique_ptr<idea::v1::Event> event;  // without an arena
    std::string text;                        // output, rule or message, as the verdict says
    v1::Reason reason = v1::REASON_UNSPECIFIED;
    std::string rejecting_rule;
    std::vector<Copy> copies;
  };

  Rare& rare();
  const std::string& text() const;

  std::string_view wire_;
  int64_t received_at_ = 0;
  const v1::DeadLetter* dead_letter_ = nullptr;
  google::protobuf::Arena* arena_ = nullptr;
  idea::v1::Event* event_ = nullptr;  // null until parsed
  std::unique_ptr<Rare> rare_;
  bool changed_ = false;
  bool heartbeat_ = false;
  Verdict verdict_ = Verdict::kForward;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_ITEM_H_
