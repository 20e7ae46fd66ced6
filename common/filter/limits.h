// Bounds on what is compiled.
#ifndef COMMON_FILTER_LIMITS_H_
#define COMMON_FILTER_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace mentat::filter {

// Bounds on what is compiled.
struct Limits {
  size_t max_bytes = 4 << 20;          // of the text
  size_t max_depth = 200;              // of nested parentheses and calls
  size_t max_nodes = 200'000;          // of the tree, list items included
  size_t max_regex_bytes = 4096;       // of one pattern
  int64_t max_regex_memory = 8 << 20;  // of one compiled pattern
  size_t max_patterns = 1000;          // of one rule
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_LIMITS_H_
