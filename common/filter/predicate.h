// Rules as predicates: whether an expression is true of an event, without the values in between.
// Built from the same tree as the evaluator and always of the same opinion.
#ifndef COMMON_FILTER_PREDICATE_H_
#define COMMON_FILTER_PREDICATE_H_

#include <memory>

#include "absl/status/status.h"
#include "common/filter/rule.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::filter {

// What a value is to the logical operators: `not` tells nothing from false.
enum class Truth : unsigned char { kNothing, kFalse, kTrue, kError };

// Immutable, thread-safe.
class Predicate {
 public:
  virtual ~Predicate() = default;

  // kError if the evaluation failed; then `error` says how.
  virtual Truth Test(const idea::v1::Event& event, absl::Status* error) const = 0;

  // Whether Test() may return kError. What cannot fail need not be looked at once the result
  // stands.
  virtual bool can_fail() const { return false; }
};

// The predicate of an expression of a rule, which must outlive it.
std::unique_ptr<Predicate> MakePredicate(const Rule& rule, NodeId root);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_PREDICATE_H_
