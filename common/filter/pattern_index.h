// Many patterns, searched for in one text.
//
// Most patterns can only match where certain words stand. All these words are searched for in one
// pass, and then only the patterns whose words are there, whose number hardly depends on that of
// all patterns. The time remains linear in the text, whatever it is; a common automaton of all
// patterns (RE2::Set) would make new states for almost every text.
#ifndef COMMON_FILTER_PATTERN_INDEX_H_
#define COMMON_FILTER_PATTERN_INDEX_H_

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/filter/literal_index.h"
#include "common/filter/regex.h"

namespace re2 {
class FilteredRE2;
}

namespace mentat::filter {

// Immutable, thread-safe.
class PatternIndex {
 public:
  explicit PatternIndex(std::vector<Pattern> patterns);
  PatternIndex(PatternIndex&&) noexcept;
  ~PatternIndex();

  // Sets `found` to the numbers of the patterns that match anywhere in the text, in their order.
  void Find(std::string_view text, std::vector<int>* found) const;

 private:
  // Finds the words, and sets `found` to the patterns that may match.
  void FindCandidates(std::string_view text, std::vector<int>* found) const;

  std::vector<Pattern> patterns_;
  std::unique_ptr<const re2::FilteredRE2> filter_;  // null if there are too few patterns
  std::optional<LiteralIndex> words_;               // of those in ASCII only
  std::vector<int> word_numbers_;                   // in filter_, by their numbers in words_
  std::vector<int> other_words_;                    // that are taken for present
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_PATTERN_INDEX_H_
