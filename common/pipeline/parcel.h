// Events for one output on their way to its sender, which makes one batch of each parcel.
#ifndef COMMON_PIPELINE_PARCEL_H_
#define COMMON_PIPELINE_PARCEL_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/pipeline/body.h"

namespace mentat::pipeline {

using Instant = std::chrono::steady_clock::time_point;
using Span = std::chrono::steady_clock::duration;

// Where the outcomes of consecutive events of a batch belong: to consecutive events of a group that
// the stage keeps. Group 0 is none.
struct Tickets {
  uint64_t group = 0;
  uint32_t first = 0;
  uint32_t count = 0;
};

struct Parcel {
  Body body;
  std::vector<Tickets> tickets;  // of the body's events, in their order
  std::optional<Instant> deadline;

  // The event just added to the body belongs here.
  void AddTicket(uint64_t group, uint32_t index) {
    if (!tickets.empty() && tickets.back().group == group &&
        (group == 0 || tickets.back().first + tickets.back().count == index)) {
      ++tickets.back().count;
    } else {
      tickets.push_back({group, index, 1});
    }
  }
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_PARCEL_H_
