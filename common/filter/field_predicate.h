// Predicates over the values of one path: what most rules are made of, without any list being
// built.
#ifndef COMMON_FILTER_FIELD_PREDICATE_H_
#define COMMON_FILTER_FIELD_PREDICATE_H_

#include <memory>

#include "common/filter/predicate.h"
#include "common/filter/rule.h"

namespace mentat::filter {

// The predicate of a variable, of a comparison between a variable and a constant, or of one between
// the size of a variable and a number; null if the general evaluator has to do it. None of these
// predicates can fail.
std::unique_ptr<Predicate> MakeFieldPredicate(const Rule& rule, NodeId id);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_FIELD_PREDICATE_H_
