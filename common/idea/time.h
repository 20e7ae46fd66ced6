// Times and durations as IDEA writes them; in memory microseconds, UTC.
//
// Stateless functions, thread-safe.
#ifndef COMMON_IDEA_TIME_H_
#define COMMON_IDEA_TIME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mentat::idea {

// `yyyy-mm-ddThh:mm:ss[.frac][zone]`, also with `t` or a blank for the `T`; zone is `Z`, `z` or an
// offset as `+02:00`; no zone is UTC, and `has_zone` tells whether there was one; a fraction is cut
// to microseconds; the year 1 to 9999. InvalidArgument says what is wrong.
absl::StatusOr<int64_t> ParseTimestamp(std::string_view text, bool* has_zone = nullptr);
// `[nD]hh:mm:ss[.frac]`; the fields are not limited. Never negative.
absl::StatusOr<int64_t> ParseDuration(std::string_view text);

// Whether the time is in the years 1 to 9999, all that has a text.
bool IsTimestamp(int64_t micros);

// `2024-03-05T15:52:22Z`, with six digits of fraction where it is not zero.
std::string FormatTimestamp(int64_t micros);
// `00:05:00`, `2D01:30:00.500000`; a negative one (IDEA has none) as `-00:05:00`.
std::string FormatDuration(int64_t micros);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_TIME_H_
