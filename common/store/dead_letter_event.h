// The event of a dead letter.
//
// Stateless, thread-safe.
#ifndef COMMON_STORE_DEAD_LETTER_EVENT_H_
#define COMMON_STORE_DEAD_LETTER_EVENT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::store {

// Reads the bytes of a dead letter: an event as the pipeline carries it where `format` is
// `protobuf`; else what a source had, which may have become readable since. InvalidArgument says
// why it is no event.
absl::StatusOr<idea::v1::Event> ReadDeadLetterEvent(std::string_view format,
                                                    const std::string& bytes);

}  // namespace mentat::store

#endif  // COMMON_STORE_DEAD_LETTER_EVENT_H_
