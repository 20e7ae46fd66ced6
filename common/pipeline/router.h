// Where the events of a stage go: into parcels for its outputs, to an end, or on as dead letters.
//
// Used by whoever decides on events, a worker or a source, without anything shared: what comes out
// is handed to the pipeline's thread. Not thread-safe.
#ifndef COMMON_PIPELINE_ROUTER_H_
#define COMMON_PIPELINE_ROUTER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/pipeline/batch.h"
#include "common/pipeline/group.h"
#include "common/pipeline/item.h"
#include "common/pipeline/parcel.h"

namespace mentat::pipeline {

// More of a dead letter's message helps nobody.
inline constexpr size_t kMaxMessageBytes = 4096;

// What a stage is: constant, outlives its routers.
struct Routes {
  struct Output {
    bool best_effort = false;
  };

  // The largest item that is sent: an event at its limit that has become a dead letter.
  uint64_t max_item_bytes() const { return max_event_bytes + 2 * kMaxMessageBytes; }

  std::string stage;
  std::string instance;
  std::map<std::string, Output, std::less<>> outputs;
  bool process_dead_letters = false;
  bool parse_events = true;
  uint64_t max_event_bytes = 5 << 20;
  uint32_t max_batch_events = 512;
  uint64_t max_batch_bytes = 1 << 20;
};

// A dead letter that began here.
struct Rejection {
  v1::DeadLetter dead_letter;
  std::string event;  // the event's ID, for people; empty where it cannot be told
  std::string batch;  // the batch that the event came or went with: its sender's epoch and number
  uint64_t group_id = 0;
};

// The ID of a serialised event, in bounds; empty if it has none.
std::string EventId(std::string_view event);
// A batch as logs name it: `5f0c…/17`.
std::string BatchName(uint64_t epoch, uint64_t id);

class Router {
 public:
  // An event among those that are decided on.
  struct Place {
    Group* group;
    uint64_t group_id;
    uint32_t index;
    std::optional<Instant> deadline;
  };

  explicit Router(const Routes& routes);

  // Prepares for so many bytes to go on unchanged.
  void Expect(uint64_t bytes);

  // Does what the item's processor decided.
  void Route(const Item& item, const Place& place);
  // Sends an event to an output that there is.
  void Send(const ItemView& item, const Place& place, std::string_view output);
  // Passes a dead letter on; it ends where there is no output `default`.
  void PassDeadLetter(const ItemView& item, const Place& place);
  // Passes a heartbeat on; without an output `default` it has arrived.
  void PassHeartbeat(const ItemView& item, const Place& place);
  // Makes a dead letter of an event, which failed on `rule` if on any.
  void Reject(const ItemView& item, const Place& place, v1::Reason reason, std::string_view message,
              std::string_view rule = {});

  // What came of it, by output.
  std::map<std::string, std::vector<Parcel>, std::less<>> TakeParcels();
  // The dead letters that began here.
  std::vector<Rejection>& rejected() { return rejected_; }

 private:
  struct Box {
    std::string_view output;
    bool best_effort = false;
    uint64_t expected = 0;
    std::vector<Parcel> parcels;
  };

  Box* Find(std::string_view output);
  void Forward(const Item& item, const Place& place, Box& box);
  Parcel* Begin(Box& box, const Place& place, std::string_view event, uint64_t entry_bytes);
  void Put(const ItemView& item, const Place& place, Box& box);
  v1::DeadLetter MakeDeadLetter(v1::Reason reason, std::string_view message) const;

  const Routes& routes_;
  std::vector<Box> boxes_;
  Box* default_box_ = nullptr;  // null if there is no such output
  std::vector<Rejection> rejected_;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_ROUTER_H_
