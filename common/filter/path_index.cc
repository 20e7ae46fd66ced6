#include "common/filter/path_index.h"

#include <algorithm>
#include <type_traits>
#include <variant>

namespace mentat::filter {
namespace {

// Without those that lie within another one.
std::vector<idea::AddressRange> Outermost(std::vector<idea::AddressRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const idea::AddressRange& a, const idea::AddressRange& b) {
              return std::tie(a.family, a.first, b.last) < std::tie(b.family, b.first, a.last);
            });
  std::vector<idea::AddressRange> outermost;
  for (const idea::AddressRange& range : ranges) {
    if (outermost.empty() || !outermost.back().Contains(range)) outermost.push_back(range);
  }
  return outermost;
}

// Those of one number are added one after the other.
void Append(uint32_t number, PathIndex::Numbers* numbers) {
  if (numbers->empty() || numbers->back() != number) numbers->push_back(number);
}

}  // namespace

void PathIndex::Builder::Add(const Membership& membership, uint32_t number) {
  std::visit(
      [&](const auto& among) {
        using Among = std::decay_t<decltype(among)>;
        if constexpr (std::is_same_v<Among, Membership::Texts>) {
          for (const std::string& text : among.texts) Append(number, &index_.texts_[text]);
        } else if constexpr (std::is_same_v<Among, Membership::Integers>) {
          for (const int64_t integer : among.integers) Append(number, &index_.integers_[integer]);
        } else if constexpr (std::is_same_v<Among, Membership::SameRanges>) {
          for (const idea::AddressRange& range : among.ranges) {
            Append(number, &index_.same_[RangeKey{range}]);
          }
        } else if constexpr (std::is_same_v<Among, Membership::ContainingRanges>) {
          for (const idea::AddressRange& range : Outermost(among.ranges)) {
            containing_.push_back({range, number});
          }
        } else {
          for (const Pattern& pattern : among.patterns) {
            const auto [known, added] = pattern_numbers_.emplace(pattern.regex(), patterns_.size());
            if (added) {
              patterns_.push_back(pattern);
              index_.of_pattern_.emplace_back();
            }
            Append(number, &index_.of_pattern_[known->second]);
          }
        }
      },
      membership.among);
}

PathIndex PathIndex::Builder::Build() && {
  index_.containing_ = RangeIndex(std::move(containing_));
  if (!patterns_.empty()) index_.patterns_.emplace(std::move(patterns_));
  return std::move(index_);
}

}  // namespace mentat::filter
