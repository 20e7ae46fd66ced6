#include "common/store/net_cover.h"

#include <algorithm>
#include <functional>
#include <tuple>

namespace mentat::store {

using idea::AddressRange;

std::vector<AddressRange> Cover(std::vector<AddressRange> ranges, size_t most) {
  if (ranges.size() <= 1) return ranges;
  std::sort(ranges.begin(), ranges.end(), [](const AddressRange& a, const AddressRange& b) {
    return std::tie(a.family, a.first) < std::tie(b.family, b.first);
  });
  // Joins each range with the one before where `joined` says so.
  const auto join = [&ranges](auto joined) {
    size_t last = 0;
    for (size_t i = 1; i < ranges.size(); ++i) {
      if (ranges[i].family == ranges[last].family && joined(ranges[last], ranges[i])) {
        ranges[last].last = std::max(ranges[last].last, ranges[i].last);
      } else {
        ranges[++last] = ranges[i];
      }
    }
    ranges.resize(last + 1);
  };
  const auto gap = [](const AddressRange& a, const AddressRange& b) {
    return b.first <= a.last ? absl::uint128(0) : b.first - a.last - 1;
  };
  join([&](const AddressRange& a, const AddressRange& b) { return gap(a, b) == 0; });
  if (ranges.size() <= most) return ranges;

  // The border between the families is never filled.
  std::vector<absl::uint128> gaps;
  size_t families = 1;
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].family == ranges[i - 1].family) {
      gaps.push_back(gap(ranges[i - 1], ranges[i]));
    } else {
      ++families;
    }
  }
  const size_t kept = most - families;
  if (kept == 0) {
    join([](const AddressRange&, const AddressRange&) { return true; });
    return ranges;
  }
  // Of equal gaps as many stay open as there is room for.
  std::nth_element(gaps.begin(), gaps.begin() + (kept - 1), gaps.end(), std::greater<>());
  const absl::uint128 smallest_kept = gaps[kept - 1];
  size_t equal_kept = kept - std::count_if(gaps.begin(), gaps.end(),
                                           [&](absl::uint128 g) { return g > smallest_kept; });
  join([&](const AddressRange& a, const AddressRange& b) {
    const absl::uint128 size = gap(a, b);
    if (size != smallest_kept) return size < smallest_kept;
    if (equal_kept == 0) return true;
    --equal_kept;
    return false;
  });
  return ranges;
}

}  // namespace mentat::store
