// The evaluator of the filter language: every part of the rule in its order, as the reference
// defines it.
#ifndef COMMON_FILTER_EVALUATE_H_
#define COMMON_FILTER_EVALUATE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/functions.h"
#include "common/filter/path.h"
#include "common/filter/rule.h"
#include "common/filter/value.h"

namespace mentat::filter {

// Evaluates one expression of a rule, which must outlive it. Immutable, thread-safe.
class Evaluator {
 public:
  Evaluator(const Rule& rule, NodeId root);

  // The value of the expression. InvalidArgument with `eval:` and the place of what failed.
  absl::StatusOr<Value> Evaluate(const Document& document) const;

  // The same, and what every part of the expression came to, in the order of nodes(); after an
  // error only the parts up to the one that failed.
  absl::StatusOr<Value> Trace(const Document& document, std::vector<Value>* values) const;

  // The parts in the order of evaluation; the last is the expression itself.
  std::vector<NodeId> nodes() const;

 private:
  struct Step {
    NodeId id;
    const Node* node;
    // Of the operands among the steps.
    uint32_t left = 0;
    uint32_t right = 0;
    const absl::StatusOr<EventPath>* path = nullptr;
    const std::vector<absl::StatusOr<Pattern>>* patterns = nullptr;
    const Function* function = nullptr;
  };

  absl::Status Run(const Document& document, std::vector<Value>* slots) const;
  absl::StatusOr<Value> Carry(const Step& step, const Document& document,
                              const std::vector<Value>& slots) const;
  absl::StatusOr<Value> Binary(const Step& step, const Value& left, const Value& right) const;
  // The value of a step that was carried out; constants stand in the tree.
  const Value& Operand(uint32_t step, const std::vector<Value>& slots) const;

  const Rule* rule_;
  std::vector<Step> steps_;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_EVALUATE_H_
