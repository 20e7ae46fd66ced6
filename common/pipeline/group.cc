#include "common/pipeline/group.h"

namespace mentat::pipeline {

void Group::Worsen(uint32_t index, Kind kind, const v1::DeadLetter* dead_letter) {
  Event& event = events_[index];
  if (Severity(kind) <= Severity(event.kind)) return;
  event.kind = kind;
  if (dead_letter != nullptr) dead_letters_.insert_or_assign(index, *dead_letter);
}

void Group::Enter(const Event& event, Ledger& ledger) {
  --unsettled_;
  --ledger.in_flight;
  if (event.kind == v1::EventOutcome::KIND_RETRY) {
    ++ledger.retried;
    return;
  }
  switch (event.book) {
    case Book::kForwarded:
      ++ledger.forwarded;
      break;
    case Book::kDropped:
      ++ledger.dropped;
      break;
    case Book::kRejected:
      ++ledger.rejected;
      break;
    case Book::kStored:
      ++ledger.stored;
      break;
  }
}

void Group::Decided(Ledger& ledger) {
  for (const Event& event : events_) {
    if (event.open == 0) Enter(event, ledger);
  }
}

void Group::Settle(uint32_t first, uint32_t count, Kind kind, const v1::DeadLetter* dead_letter,
                   Ledger& ledger) {
  for (uint32_t i = first; i < first + count; ++i) {
    Worsen(i, kind, dead_letter);
    if (--events_[i].open == 0) Enter(events_[i], ledger);
  }
}

Outcomes Group::TakeOutcomes() {
  Outcomes outcomes(events_.size());
  for (size_t i = 0; i < events_.size(); ++i) outcomes.Set(i, events_[i].kind);
  for (auto& [index, dead_letter] : dead_letters_) {
    if (events_[index].kind == v1::EventOutcome::KIND_DEAD_LETTER) {
      outcomes.Set(index, std::move(dead_letter));
    }
  }
  return outcomes;
}

}  // namespace mentat::pipeline
