// Why a rule matches an event, or does not.
#ifndef COMMON_FILTER_EXPLAIN_H_
#define COMMON_FILTER_EXPLAIN_H_

#include <optional>
#include <string>
#include <vector>

#include "common/filter/evaluate.h"
#include "common/filter/value.h"

namespace mentat::filter {

// An expression of a rule and what it came to.
struct Explanation {
  std::string expression;      // as it is meant, which is not always as it was written
  std::optional<Value> value;  // none if the evaluation failed before or here
  std::string error;           // if it failed here
  bool deciding = false;       // the rule's result hangs on it
  std::vector<Explanation> children;
};

Explanation Explain(const Rule& rule, const Evaluator& evaluator, const Document& document);

// One line for each expression, the parts indented below the whole. What decided is marked by `*`.
std::string Format(const Explanation& explanation);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_EXPLAIN_H_
