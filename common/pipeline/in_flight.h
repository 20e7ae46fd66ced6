// What a stage holds at one moment, for people. Plain values.
#ifndef COMMON_PIPELINE_IN_FLIGHT_H_
#define COMMON_PIPELINE_IN_FLIGHT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mentat::pipeline {

struct InFlightBatch {
  enum class Side {
    kInput,    // taken from upstream, or from a source's own work
    kOutput,   // with a peer
    kWaiting,  // until a peer has room
  };

  Side side = Side::kInput;
  uint64_t epoch = 0;  // of the sender; 0 for a source's own
  uint64_t id = 0;
  uint32_t attempt = 0;
  uint64_t events = 0;
  uint64_t open_events = 0;  // not settled
  uint64_t bytes = 0;        // 0 where that is not known
  double age_seconds = 0;    // since it came or was made here
  std::string output;        // empty on the input
  std::string peer;          // endpoint of who holds it, or of who is told of its outcome
  bool begun = false;
  bool isolated = false;
};

struct InFlight {
  std::vector<InFlightBatch> batches;  // oldest first
  uint64_t not_listed = 0;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_IN_FLIGHT_H_
