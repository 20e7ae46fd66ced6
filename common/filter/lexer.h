// The words of the filter language. The alternatives are tried in a fixed order, the first that
// matches wins, and what begins no word is dropped: existing rules depend on each of these.
#ifndef COMMON_FILTER_LEXER_H_
#define COMMON_FILTER_LEXER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/filter/operator.h"

namespace mentat::filter {

enum class TokenKind : unsigned char {
  kOperator,
  kTimedelta,
  kIp4,
  kIp6,
  kDatetime,
  kFloat,
  kInteger,
  kFunction,  // the name and its `(`
  kVariable,
  kText,  // with its quotes
  kComma,
  kLeftParenthesis,
  kRightParenthesis,
  kLeftBracket,
  kRightBracket,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Operator op = Operator::kOr;  // of kOperator
  size_t begin = 0;             // bytes into the text of the rule
  size_t end = 0;

  std::string_view In(std::string_view text) const { return text.substr(begin, end - begin); }
};

// Characters that begin no word and were left out.
struct DroppedCharacters {
  size_t begin = 0;
  size_t end = 0;
};

struct TokenList {
  std::vector<Token> tokens;  // the last is kEnd
  std::vector<DroppedCharacters> dropped;
};

TokenList Tokenize(std::string_view text);

// Whether `token` is a word operator with more of a name right behind it, as the `in` of `info`.
bool IsTorn(std::string_view text, const Token& token);

// The name that was torn: from the operator to the end of its letters.
std::string_view TornName(std::string_view text, const Token& token);

// The content of a kText token: all quotes of both kinds are taken out.
std::string TextContent(std::string_view quoted);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_LEXER_H_
