// Comparisons `<`, `<=`, `>`, `>=` of the values at a path with those at another one, or with the
// time: `EventTime > CeaseTime`, `DetectTime < utcnow() - 30D00:00:00`.
#ifndef COMMON_FILTER_ORDER_PREDICATE_H_
#define COMMON_FILTER_ORDER_PREDICATE_H_

#include <memory>

#include "common/filter/predicate.h"
#include "common/filter/rule.h"

namespace mentat::filter {

// Null if the expression is none of these, or compares values of different types. The predicates
// cannot fail.
std::unique_ptr<Predicate> MakeOrderPredicate(const Rule& rule, NodeId id);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_ORDER_PREDICATE_H_
