// The outcome of an event, and which of two is the worse. Plain values, thread-safe.
#ifndef COMMON_PIPELINE_OUTCOME_H_
#define COMMON_PIPELINE_OUTCOME_H_

#include <cstdint>

#include "mentat/pipeline/v1/batch.pb.h"

namespace mentat::pipeline {

// What became of an event.
struct Outcome {
  v1::EventOutcome::Kind kind = v1::EventOutcome::KIND_UNSPECIFIED;
  v1::DeadLetter dead_letter;  // set where kind is KIND_DEAD_LETTER
};

// What an item takes in a batch, for windows and limits.
inline uint64_t ItemBytes(const v1::Item& item) { return item.ByteSizeLong() + 8; }

// How bad an outcome is, for events with several branches; higher is worse.
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
