// The events that came together, in a batch or from a source, and what has become of each so far.
//
// An event has a branch for each batch that it went into, and is settled when none of them is open
// any more; its worst outcome is its outcome. The group is filled by whoever decides on the events
// and then told what comes back; one owner at a time.
#ifndef COMMON_PIPELINE_GROUP_H_
#define COMMON_PIPELINE_GROUP_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "common/pipeline/ledger.h"
#include "common/pipeline/outcome.h"

namespace mentat::pipeline {

class Group {
 public:
  using Kind = v1::EventOutcome::Kind;
  // Where a settled event is booked in the ledger, unless it is given back.
  enum class Book : uint8_t { kForwarded, kDropped, kRejected, kStored };

  Group() = default;
  explicit Group(uint32_t events) : events_(events), unsettled_(events) {}

  uint32_t size() const { return static_cast<uint32_t>(events_.size()); }

  // The decision: the branches of an event, those that end at once, and its book.
  void Open(uint32_t index) { ++events_[index].open; }
  void End(uint32_t index, Kind kind, const v1::DeadLetter* dead_letter = nullptr) {
    Worsen(index, kind, dead_letter);
  }
  void SetBook(uint32_t index, Book book) { events_[index].book = book; }
  // After the decision: settles the events that have no open branch.
  void Decided(Ledger& ledger);

  // One branch of each of `count` events has come to its end.
  void Settle(uint32_t first, uint32_t count, Kind kind, const v1::DeadLetter* dead_letter,
              Ledger& ledger);

  bool settled() const { return unsettled_ == 0; }
  uint32_t unsettled() const { return unsettled_; }
  Outcomes TakeOutcomes();

 private:
  struct Event {
    uint32_t open = 0;  // branches
    Kind kind = v1::EventOutcome::KIND_UNSPECIFIED;
    Book book = Book::kForwarded;
  };

  void Worsen(uint32_t index, Kind kind, const v1::DeadLetter* dead_letter);
  void Enter(const Event& event, Ledger& ledger);

  std::vector<Event> events_;
  std::map<uint32_t, v1::DeadLetter> dead_letters_;
  uint32_t unsettled_ = 0;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_GROUP_H_
