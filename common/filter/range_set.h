// Many address ranges, any of which may contain another one.
#ifndef COMMON_FILTER_RANGE_SET_H_
#define COMMON_FILTER_RANGE_SET_H_

#include <vector>

#include "common/idea/address.h"

namespace mentat::filter {

class RangeSet {
 public:
  explicit RangeSet(std::vector<idea::AddressRange> ranges);

  // Whether one of the ranges contains `range` as a whole.
  bool Contains(const idea::AddressRange& range) const;

 private:
  // Sorted by family and first address; the last address is the greatest of all ranges of the
  // family that begin no later: if a range is contained at all, then in the one that has this end.
  std::vector<idea::AddressRange> ranges_;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_RANGE_SET_H_
