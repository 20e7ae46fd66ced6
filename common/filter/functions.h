// The functions of the filter language, and those that an application adds.
#ifndef COMMON_FILTER_FUNCTIONS_H_
#define COMMON_FILTER_FUNCTIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/filter/value.h"

namespace mentat::filter {

// Tells the time in microseconds since 1970-01-01T00:00:00Z. Called by many threads at once.
using Clock = std::function<int64_t()>;

int64_t SystemClockMicros();

// A function takes its argument, or null if there is none. InvalidArgument if it does not fit. Its
// result may hang on nothing but the argument and the clock, since rules of one set share it.
// Called by many threads at once.
using Function = std::function<absl::StatusOr<Value>(const Value* argument, const Clock& clock)>;

// The functions that rules may call, by their names. A value; rules keep a copy of what they call.
class FunctionTable {
 public:
  struct Entry {
    Function function;
    bool built_in = false;
  };

  // `size`, `strlen`, `time`, `utcnow`.
  FunctionTable();

  // InvalidArgument if the language cannot read `name` as a call (a letter or underscore, then two
  // or more of letters, digits and underscores, and no operator at its beginning); AlreadyExists if
  // there is such a function.
  absl::Status Register(std::string_view name, Function function);

  // Null if there is no such function.
  const Entry* Find(std::string_view name) const;

 private:
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_FUNCTIONS_H_
