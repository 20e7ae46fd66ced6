#include "common/filter/range_set.h"

#include <algorithm>
#include <utility>

namespace mentat::filter {
namespace {

bool BeginsBefore(const idea::AddressRange& a, const idea::AddressRange& b) {
  return a.family != b.family ? a.family < b.family : a.first < b.first;
}

}  // namespace

RangeSet::RangeSet(std::vector<idea::AddressRange> ranges) : ranges_(std::move(ranges)) {
  std::sort(ranges_.begin(), ranges_.end(), BeginsBefore);
  for (size_t i = 1; i < ranges_.size(); ++i) {
    if (ranges_[i].family != ranges_[i - 1].family) continue;
    ranges_[i].last = std::max(ranges_[i].last, ranges_[i - 1].last);
  }
}

bool RangeSet::Contains(const idea::AddressRange& range) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), range, BeginsBefore);
  if (after == ranges_.begin()) return false;
  const idea::AddressRange& candidate = *(after - 1);
  return candidate.family == range.family && range.last <= candidate.last;
}

}  // namespace mentat::filter
