// The grammar of the filter language.
#ifndef COMMON_FILTER_PARSER_H_
#define COMMON_FILTER_PARSER_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/ast.h"
#include "common/filter/lexer.h"
#include "common/filter/limits.h"

namespace mentat::filter {

struct ParsedRule {
  // Numbers are values already, all other literals texts: the raw form of the language.
  Ast ast;
  std::vector<DroppedCharacters> dropped;
  std::vector<Token> torn;  // operators that tear a name apart
};

// InvalidArgument with `parse:`, the place, and what was expected.
absl::StatusOr<ParsedRule> Parse(std::string_view text, const Limits& limits);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_PARSER_H_
