#include "common/store/dead_letter_event.h"

#include <vector>

#include "common/idea/codec.h"

namespace mentat::store {

absl::StatusOr<idea::v1::Event> ReadDeadLetterEvent(std::string_view format,
                                                    const std::string& bytes) {
  idea::v1::Event event;
  if (format == "protobuf") {
    if (!event.ParseFromString(bytes)) return absl::InvalidArgumentError("it is no event");
  } else {
    std::vector<idea::Problem> problems;
    if (!idea::ParseEvent(bytes, {}, &event, &problems)) {
      return absl::InvalidArgumentError(idea::Describe(problems));
    }
  }
  if (event.id().empty()) return absl::InvalidArgumentError("it has no identifier");
  return event;
}

}  // namespace mentat::store
