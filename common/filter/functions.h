// The functions of the filter language.
#ifndef COMMON_FILTER_FUNCTIONS_H_
#define COMMON_FILTER_FUNCTIONS_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/filter/value.h"

namespace mentat::filter {

// Tells the time in microseconds since 1970-01-01T00:00:00Z. Called by many threads at once.
using Clock = std::function<int64_t()>;

int64_t SystemClockMicros();

// A function takes its argument, or null if there is none. InvalidArgument if it does not fit.
using Function = absl::StatusOr<Value> (*)(const Value* argument, const Clock& clock);

// Null if there is no such function.
Function FindFunction(std::string_view name);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_FUNCTIONS_H_
