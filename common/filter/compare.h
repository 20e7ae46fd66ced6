// Comparisons of the filter language.
#ifndef COMMON_FILTER_COMPARE_H_
#define COMMON_FILTER_COMPARE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/limits.h"
#include "common/filter/operator.h"
#include "common/filter/regex.h"
#include "common/filter/value.h"

namespace mentat::filter {

// Whether two values are the same. Values of different types never are, but for numbers and
// booleans.
bool Equal(const Value& left, const Value& right);

// `left op right` for an ordering operator. InvalidArgument if the types have no common order.
absl::StatusOr<bool> Ordered(Operator op, const Value& left, const Value& right);

// What a comparison needs to know beside its operands.
struct ComparisonOptions {
  // The right operand is a list of addresses: `in` asks whether an item is contained, and `is` is
  // false.
  bool address_list = false;
  // The patterns of a constant right operand of `like`, one an item; null if they are to be
  // compiled.
  const std::vector<absl::StatusOr<Pattern>>* patterns = nullptr;
  Limits limits;
  // Up to so many pairs are compared one by one; beyond, the items are looked up or sorted, so that
  // no event with long lists takes quadratic time.
  size_t max_pairs = 1024;
};

// The comparison of two values, each a list of values or one of them: a boolean, or nothing if
// there is nothing on one side. InvalidArgument if types do not fit or a pattern is bad.
absl::StatusOr<Value> Compare(Operator op, const Value& left, const Value& right,
                              const ComparisonOptions& options);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_COMPARE_H_
