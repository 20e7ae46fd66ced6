// A rule made ready for evaluation: its tree with the paths resolved and the patterns compiled.
#ifndef COMMON_FILTER_RULE_H_
#define COMMON_FILTER_RULE_H_

#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/ast.h"
#include "common/filter/functions.h"
#include "common/filter/limits.h"
#include "common/filter/path.h"
#include "common/filter/regex.h"

namespace mentat::filter {

struct Rule {
  Ast ast;
  Limits limits;
  Clock clock;
  // Of every variable; an error for what is not a path, which counts when it is evaluated.
  std::unordered_map<NodeId, absl::StatusOr<EventPath>> paths;
  // Of every `like` with a constant on its right, one an item; an error for a pattern that is bad.
  std::unordered_map<NodeId, std::vector<absl::StatusOr<Pattern>>> patterns;
  // Of every call of a function that there is.
  std::unordered_map<NodeId, FunctionTable::Entry> functions;
};

// Resolves and compiles. InvalidArgument with `compile:` and the place of a pattern that asks for
// more than the engine of regular expressions or the limits allow.
absl::StatusOr<Rule> PrepareRule(Ast ast, const Limits& limits, Clock clock,
                                 const FunctionTable& functions = {});

}  // namespace mentat::filter

#endif  // COMMON_FILTER_RULE_H_
