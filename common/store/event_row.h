// An event as a row of the table `events`: the columns that are searched, and the whole event as
// JSON. docs/database.md says what stands in each column.
//
// Stateless functions, thread-safe.
#ifndef COMMON_STORE_EVENT_ROW_H_
#define COMMON_STORE_EVENT_ROW_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::store {

// Bounds on the columns that are searched; the JSON is always whole.
inline constexpr size_t kMaxColumnItems = 1000;   // of a list; the rest is left out
inline constexpr size_t kMaxColumnRanges = 1000;  // of addresses; above it gaps are filled
inline constexpr size_t kMaxItemBytes = 512;  // of a text in a list, or a class; the rest is cut
inline constexpr size_t kMaxDescriptionBytes = 8192;

struct EventRow {
  std::string id;
  int64_t detect_time = 0;  // microseconds since 1970-01-01T00:00:00Z
  std::string bytes;        // in the binary format of COPY
};

// The columns that a row has, in their order.
std::span<const std::string_view> EventColumns();

// Makes the row. InvalidArgument where the event has no identifier or no time of detection that the
// database could hold. `received_time` of 0 is unknown.
absl::StatusOr<EventRow> MakeEventRow(const idea::v1::Event& event, int64_t received_time,
                                      int64_t storage_time);

}  // namespace mentat::store

#endif  // COMMON_STORE_EVENT_ROW_H_
