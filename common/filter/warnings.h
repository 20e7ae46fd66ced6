// What users hardly ever mean by a rule.
#ifndef COMMON_FILTER_WARNINGS_H_
#define COMMON_FILTER_WARNINGS_H_

#include <vector>

#include "common/filter/diagnostic.h"
#include "common/filter/parser.h"
#include "common/filter/rule.h"

namespace mentat::filter {

// In the order of their places. `dropped` and `torn` are what the lexer told beside its tokens;
// `typed` says whether the rule is for events, with the types of IDEA, or for JSON as it is.
std::vector<Diagnostic> FindWarnings(const std::vector<DroppedCharacters>& dropped,
                                     const std::vector<Token>& torn, const Rule& rule, bool typed);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_WARNINGS_H_
