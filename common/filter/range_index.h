// Many address ranges, each with a number: which of them contain a given one?
//
// Memory is linear in the ranges, a query takes O(log n) for each that it finds. Immutable,
// thread-safe.
#ifndef COMMON_FILTER_RANGE_INDEX_H_
#define COMMON_FILTER_RANGE_INDEX_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/idea/address.h"

namespace mentat::filter {

class RangeIndex {
 public:
  struct Entry {
    idea::AddressRange range;
    uint32_t number;
  };

  RangeIndex() = default;
  explicit RangeIndex(std::vector<Entry> entries);

  // Calls `hit` with the number of each range that contains `range` as a whole.
  template <typename Hit>
  void Find(const idea::AddressRange& range, const Hit& hit) const {
    const size_t end = std::upper_bound(entries_.begin(), entries_.end(), range,
                                        [](const idea::AddressRange& a, const Entry& b) {
                                          return BeginsBefore(a, b.range);
                                        }) -
                       entries_.begin();
    Find(range, end, 0, entries_.size(), hit);
  }

 private:
  static bool BeginsBefore(const idea::AddressRange& a, const idea::AddressRange& b) {
    return a.family != b.family ? a.family < b.family : a.first < b.first;
  }
  static bool EndsBefore(const idea::AddressRange& a, const idea::AddressRange& b) {
    return a.family != b.family ? a.family < b.family : a.last < b.last;
  }

  // The entries from `first` to `last`, as far as they stand before `end`, are a tree whose root is
  // the middle one; what cannot end late enough is not descended.
  template <typename Hit>
  void Find(const idea::AddressRange& range, size_t end, size_t first, size_t last,
            const Hit& hit) const {
    while (first < last && first < end) {
      const size_t middle = first + (last - first) / 2;
      if (EndsBefore(latest_[middle], range)) return;
      Find(range, end, first, middle, hit);
      if (middle >= end) return;
      if (entries_[middle].range.Contains(range)) hit(entries_[middle].number);
      first = middle + 1;
    }
  }
  idea::AddressRange FindLatest(size_t first, size_t last);

  std::vector<Entry> entries_;              // sorted by family and first address
  std::vector<idea::AddressRange> latest_;  // of the tree below each entry the one that ends last
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_RANGE_INDEX_H_
