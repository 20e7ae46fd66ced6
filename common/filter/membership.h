// Comparisons that ask whether some value at a path is one of many: what whole sets of rules can
// find with one look-up. `Category == 'Test'`, `Target.Port in [22, 23]`, `Source.IP4 in
// [192.0.2.0/24]`, `Note like 'a|b'`.
#ifndef COMMON_FILTER_MEMBERSHIP_H_
#define COMMON_FILTER_MEMBERSHIP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/filter/field_path.h"
#include "common/filter/regex.h"
#include "common/filter/rule.h"
#include "common/idea/address.h"

namespace mentat::filter {

// A plain value. It is true of an event if a value at the path is among the constants, nothing if
// there is no value at all.
struct Membership {
  struct Texts {
    std::vector<std::string> texts;
  };
  struct Integers {  // also times, durations and booleans
    std::vector<int64_t> integers;
  };
  struct SameRanges {  // the value is one of them
    std::vector<idea::AddressRange> ranges;
  };
  struct ContainingRanges {  // the value lies within one of them
    std::vector<idea::AddressRange> ranges;
  };
  struct Patterns {  // one of them is found in the value
    std::vector<Pattern> patterns;
  };

  FieldPath path;
  std::variant<Texts, Integers, SameRanges, ContainingRanges, Patterns> among;
};

// What the comparison asks; nothing if it is none of this kind. Constants of types that the field
// never has are left out, since they equal none of its values.
std::optional<Membership> FindMembership(const Rule& rule, NodeId id);

// The path of a variable; null if it is another expression or no path.
const EventPath* PathOf(const Rule& rule, NodeId id);

// The constant as a whole number that values of `field` can be compared with; nothing if it is of
// another type, or no whole number of 64 bits.
std::optional<int64_t> AsInteger(const google::protobuf::FieldDescriptor& field,
                                 const Value& constant);

// The items of a constant or list.
std::vector<Value> ConstantsOf(const Node& node);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_MEMBERSHIP_H_
