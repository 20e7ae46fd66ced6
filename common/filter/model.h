// The language in its plainest form, for tests: a rule is walked as it was parsed, constants are
// computed anew for each event, and events are read as JSON. Slow, and written after the reference
// alone, so that it shares no shortcut with the compiler and the evaluator.
#ifndef COMMON_FILTER_MODEL_H_
#define COMMON_FILTER_MODEL_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/filter/ast.h"
#include "common/filter/value.h"

namespace mentat::filter {

// The value of a parsed rule for a document, as a rule for events (`typed`; then the document is an
// event as the codec prints it) or in the raw form. An error's message is the stage: `compile` or
// `eval`.
absl::StatusOr<Value> ModelEvaluate(const Ast& ast, bool typed, const idea::v1::Value& document,
                                    int64_t now_micros);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_MODEL_H_
