// Numbers, times and durations: their order and the arithmetic of the filter language.
#ifndef COMMON_FILTER_NUMBER_H_
#define COMMON_FILTER_NUMBER_H_

#include <compare>
#include <optional>
#include <string_view>

#include "common/filter/operator.h"
#include "common/filter/value.h"

namespace mentat::filter {

// What Python's float() reads: blanks around it, a sign, an exponent, `_` between digits, `inf`,
// `nan`.
std::optional<double> ParseFloat(std::string_view text);

// Whether a value counts as a number in comparisons: the numbers and the booleans.
bool IsNumeric(const Value& value);

// The order of two values that are numeric, exact also between whole numbers and floats.
std::partial_ordering CompareNumbers(const Value& left, const Value& right);

// `left op right` for an arithmetic operator: lists item by item; nothing where it makes no sense.
Value Arithmetic(Operator op, const Value& left, const Value& right);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_NUMBER_H_
