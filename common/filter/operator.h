// The operators of the filter language.
#ifndef COMMON_FILTER_OPERATOR_H_
#define COMMON_FILTER_OPERATOR_H_

#include <string_view>

namespace mentat::filter {

enum class Operator : unsigned char {
  kOr,
  kXor,
  kAnd,
  // The same three, written as symbols: they bind tighter.
  kHighOr,
  kHighXor,
  kHighAnd,
  kNot,
  kExists,
  kLike,
  kIn,
  kIs,
  kEqual,
  kNotEqual,
  kGreater,
  kGreaterEqual,
  kLess,
  kLessEqual,
  kPlus,
  kMinus,
  kTimes,
  kDivide,
  kModulo,
};

// How tight an operator binds; a higher level binds tighter.
enum class Level : unsigned char {
  kOr,
  kXor,
  kAnd,
  kHighOr,
  kHighXor,
  kHighAnd,
  kNot,
  kExists,
  kComparison,
  kArithmetic,
  kAtom,
};

constexpr Level LevelOf(Operator op) {
  if (op <= Operator::kExists) return static_cast<Level>(op);
  return op <= Operator::kLessEqual ? Level::kComparison : Level::kArithmetic;
}
static_assert(LevelOf(Operator::kExists) == Level::kExists);

constexpr bool IsComparison(Operator op) { return LevelOf(op) == Level::kComparison; }
constexpr bool IsArithmetic(Operator op) { return LevelOf(op) == Level::kArithmetic; }
// `<`, `<=`, `>`, `>=`
constexpr bool IsOrdering(Operator op) {
  return op >= Operator::kGreater && op <= Operator::kLessEqual;
}
constexpr bool IsOr(Operator op) { return op == Operator::kOr || op == Operator::kHighOr; }
constexpr bool IsAnd(Operator op) { return op == Operator::kAnd || op == Operator::kHighAnd; }
constexpr bool IsXor(Operator op) { return op == Operator::kXor || op == Operator::kHighXor; }

// How expressions are printed.
constexpr std::string_view Spelling(Operator op) {
  constexpr std::string_view kSpellings[] = {
      "or", "xor", "and", "||", "^^", "&&", "not", "exists", "like", "in", "is",
      "==", "!=",  ">",   ">=", "<",  "<=", "+",   "-",      "*",    "/",  "%"};
  return kSpellings[static_cast<size_t>(op)];
}

}  // namespace mentat::filter

#endif  // COMMON_FILTER_OPERATOR_H_
