// Equality of JSON values as the original sees it: numbers and booleans by value (`1`, `1.0` and
// `true` are the same), objects by their members in any order.
#ifndef COMMON_IDEA_JSON_EQUAL_H_
#define COMMON_IDEA_JSON_EQUAL_H_

#include "mentat/idea/v1/event.pb.h"

namespace mentat::idea {

// Of a key that stands twice in an object the last counts.
bool JsonEqual(const v1::Value& left, const v1::Value& right);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_JSON_EQUAL_H_
