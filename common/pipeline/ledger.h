// The account of a stage, in events. A plain value.
#ifndef COMMON_PIPELINE_LEDGER_H_
#define COMMON_PIPELINE_LEDGER_H_

#include <cstdint>

namespace mentat::pipeline {

// received = forwarded + dropped + rejected + stored + retried + in_flight, at every moment.
struct Ledger {
  uint64_t received = 0;
  uint64_t forwarded = 0;  // settled by the next stages
  uint64_t dropped = 0;
  uint64_t rejected = 0;  // dead letters that began here
  uint64_t stored = 0;    // sinks: stored, or stored before
  uint64_t retried = 0;   // given back to the sender
  uint64_t in_flight = 0;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_LEDGER_H_
