// IP addresses, networks and ranges: their texts, their bounds, what contains what.
//
// Stateless functions and plain values, thread-safe.
#ifndef COMMON_IDEA_ADDRESS_H_
#define COMMON_IDEA_ADDRESS_H_

#include <compare>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::idea {

enum class Family : unsigned char { kIp4 = 4, kIp6 = 6 };

// The addresses from `first` to `last`, both included, in host byte order.
struct AddressRange {
  Family family = Family::kIp4;
  absl::uint128 first = 0;
  absl::uint128 last = 0;

  bool IsSingle() const { return first == last; }
  bool Contains(const AddressRange& other) const {
    return family == other.family && first <= other.first && other.last <= last;
  }
  bool Overlaps(const AddressRange& other) const {
    return family == other.family && first <= other.last && other.first <= last;
  }
  friend bool operator==(const AddressRange& a, const AddressRange& b) {
    return a.family == b.family && a.first == b.first && a.last == b.last;
  }
};

AddressRange Bounds(const v1::Net4& net);
AddressRange Bounds(const v1::Net6& net);

// `a`, `a/n` or `a-b`. A reversed range is put right. InvalidArgument says what is wrong.
absl::StatusOr<v1::Net4> ParseNet4(std::string_view text);
absl::StatusOr<v1::Net6> ParseNet6(std::string_view text);
// Either family.
absl::StatusOr<AddressRange> ParseAddressRange(std::string_view text);

// Canonical text: `a`, `a/n` with the base as it was written, `a-b`.
std::string Print(const v1::Net4& net);
std::string Print(const v1::Net6& net);
// The shortest of the three forms that means the same: an address, a network, else a range.
std::string Print(const AddressRange& range);
// One address.
std::string PrintAddress(Family family, absl::uint128 address);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_ADDRESS_H_
