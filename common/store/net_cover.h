// The addresses of an event as a few ranges, for the columns that searches look into.
//
// A stateless function, thread-safe.
#ifndef COMMON_STORE_NET_COVER_H_
#define COMMON_STORE_NET_COVER_H_

#include <cstddef>
#include <vector>

#include "common/idea/address.h"

namespace mentat::store {

// At the most `most` (at least 2) disjoint ranges, in order, that contain all of the given ones.
// They contain nothing else unless there are too many: then the smallest gaps are filled.
std::vector<idea::AddressRange> Cover(std::vector<idea::AddressRange> ranges, size_t most);

}  // namespace mentat::store

#endif  // COMMON_STORE_NET_COVER_H_
