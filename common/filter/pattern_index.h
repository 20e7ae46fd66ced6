// Many patterns, searched for in one pass over a text.
#ifndef COMMON_FILTER_PATTERN_INDEX_H_
#define COMMON_FILTER_PATTERN_INDEX_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "common/filter/regex.h"

namespace mentat::filter {

// Immutable, thread-safe.
class PatternIndex {
 public:
  explicit PatternIndex(std::vector<Pattern> patterns);
  PatternIndex(PatternIndex&&) noexcept;
  ~PatternIndex();

  // Sets `found` to the numbers of the patterns that match anywhere in the text, in any order.
  void Find(std::string_view text, std::vector<int>* found) const;

 private:
  struct Set;

  std::vector<Pattern> patterns_;
  std::unique_ptr<const Set> set_;  // null if there are too few patterns, or they are too large
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_PATTERN_INDEX_H_
