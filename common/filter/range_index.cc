#include "common/filter/range_index.h"

#include <utility>

namespace mentat::filter {

RangeIndex::RangeIndex(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return BeginsBefore(a.range, b.range); });
  latest_.resize(entries_.size());
  if (!entries_.empty()) FindLatest(0, entries_.size());
}

idea::AddressRange RangeIndex::FindLatest(size_t first, size_t last) {
  const size_t middle = first + (last - first) / 2;
  idea::AddressRange latest = entries_[middle].range;
  const auto consider = [&](const idea::AddressRange& other) {
    if (EndsBefore(latest, other)) latest = other;
  };
  if (first < middle) consider(FindLatest(first, middle));
  if (middle + 1 < last) consider(FindLatest(middle + 1, last));
  return latest_[middle] = latest;
}

}  // namespace mentat::filter
