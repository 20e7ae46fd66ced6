// The outcomes of events, and which of two is the worse. Plain values, thread-safe as such.
#ifndef COMMON_PIPELINE_OUTCOME_H_
#define COMMON_PIPELINE_OUTCOME_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "mentat/pipeline/v1/batch.pb.h"

namespace mentat::pipeline {

// What became of the events of a batch or submission, in their order: a byte for each, and the
// reason for those few that are dead letters.
class Outcomes {
 public:
  using Kind = v1::EventOutcome::Kind;

  // All of one kind.
  explicit Outcomes(size_t events = 0, Kind kind = v1::EventOutcome::KIND_UNSPECIFIED)
      : kinds_(events, static_cast<uint8_t>(kind)) {}

  size_t size() const { return kinds_.size(); }
  Kind kind(size_t index) const { return static_cast<Kind>(kinds_[index]); }
  // Null where the kind is not KIND_DEAD_LETTER, and where nobody said why.
  const v1::DeadLetter* dead_letter(size_t index) const {
    if (dead_letters_.empty()) return nullptr;
    const auto it = dead_letters_.find(index);
    return it == dead_letters_.end() ? nullptr : &it->second;
  }

  void Set(size_t index, Kind kind) { kinds_[index] = static_cast<uint8_t>(kind); }
  void Set(size_t index, v1::DeadLetter dead_letter) {
    Set(index, v1::EventOutcome::KIND_DEAD_LETTER);
    dead_letters_.insert_or_assign(index, std::move(dead_letter));
  }

 private:
  std::vector<uint8_t> kinds_;
  std::map<size_t, v1::DeadLetter> dead_letters_;
};

// How bad an outcome is, for events with several branches; higher is worse, 0 is none.
inline int Severity(v1::EventOutcome::Kind kind) {
  switch (kind) {
    case v1::EventOutcome::KIND_DROPPED:
      return 1;
    case v1::EventOutcome::KIND_DUPLICATE:
      return 2;
    case v1::EventOutcome::KIND_STORED:
      return 3;
    case v1::EventOutcome::KIND_DEAD_LETTER:
      return 4;
    case v1::EventOutcome::KIND_RETRY:
      return 5;
    default:
      return 0;
  }
}

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_OUTCOME_H_
