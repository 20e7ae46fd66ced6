#include "common/filter/lexer.h"

#include <algorithm>
#include <array>
#include <limits>

namespace mentat::filter {
namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsWordCharacter(char c) { return IsLetter(c) || IsDigit(c) || c == '_'; }
bool IsNameCharacter(char c) { return IsWordCharacter(c) || c == '-'; }
bool IsIp6Character(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
}

struct OperatorSpelling {
  std::string_view text;
  Operator op;
};

// In the order in which they are tried.
constexpr auto kOperators = std::to_array<OperatorSpelling>({
    {"-", Operator::kMinus},         {"+", Operator::kPlus},
    {"*", Operator::kTimes},         {"/", Operator::kDivide},
    {"%", Operator::kModulo},        {"like", Operator::kLike},
    {"LIKE", Operator::kLike},       {"=~", Operator::kLike},
    {"in", Operator::kIn},           {"IN", Operator::kIn},
    {"~~", Operator::kIn},           {"is", Operator::kIs},
    {"IS", Operator::kIs},           {"eq", Operator::kEqual},
    {"EQ", Operator::kEqual},        {"==", Operator::kEqual},
    {"ne", Operator::kNotEqual},     {"NE", Operator::kNotEqual},
    {"!=", Operator::kNotEqual},     {"<>", Operator::kNotEqual},
    {"ge", Operator::kGreaterEqual}, {"GE", Operator::kGreaterEqual},
    {">=", Operator::kGreaterEqual}, {"gt", Operator::kGreater},
    {"GT", Operator::kGreater},      {">", Operator::kGreater},
    {"le", Operator::kLessEqual},    {"LE", Operator::kLessEqual},
    {"<=", Operator::kLessEqual},    {"lt", Operator::kLess},
    {"LT", Operator::kLess},         {"<", Operator::kLess},
    {"or", Operator::kOr},           {"OR", Operator::kOr},
    {"||", Operator::kHighOr},       {"xor", Operator::kXor},
    {"XOR", Operator::kXor},         {"^^", Operator::kHighXor},
    {"and", Operator::kAnd},         {"AND", Operator::kAnd},
    {"&&", Operator::kHighAnd},      {"not", Operator::kNot},
    {"NOT", Operator::kNot},         {"!", Operator::kNot},
    {"exists", Operator::kExists},   {"EXISTS", Operator::kExists},
    {"?", Operator::kExists},
});

// Reads forms from a place in the text. What returns a bool takes nothing if it returns false.
class Scanner {
 public:
  Scanner(std::string_view text, size_t begin) : text_(text), at_(begin) {}

  size_t at() const { return at_; }

  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  bool Take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  template <typename Predicate>
  bool TakeIf(Predicate predicate) {
    if (at_ == text_.size() || !predicate(text_[at_])) return false;
    ++at_;
    return true;
  }
  // From `min` up to `max` characters, as many as there are.
  template <typename Predicate>
  bool TakeRun(Predicate predicate, size_t min, size_t max = kNoLimit) {
    size_t count = 0;
    while (count < max && at_ + count < text_.size() && predicate(text_[at_ + count])) ++count;
    if (count < min) return false;
    at_ += count;
    return true;
  }
  // All of the steps or nothing.
  template <typename... Steps>
  bool Sequence(Steps... steps) {
    const size_t begin = at_;
    if ((steps() && ...)) return true;
    at_ = begin;
    return false;
  }

  bool TakeDigits(size_t min, size_t max = kNoLimit) { return TakeRun(IsDigit, min, max); }

  bool TakeClock() {
    return Sequence([&] { return TakeDigits(2, 2); }, [&] { return Take(':'); },
                    [&] { return TakeDigits(2, 2); }, [&] { return Take(':'); },
                    [&] { return TakeDigits(2, 2); });
  }

  bool TakeTimedelta() {
    const auto days = [&] {
      return TakeDigits(1) && TakeIf([](char c) { return c == 'D' || c == 'd' || c == '|'; });
    };
    return Sequence(days, [&] { return TakeClock(); }) || TakeClock();
  }

  bool TakeIp4() {
    const auto prefix = [&] { return Take('/') && TakeDigits(1, 2); };
    const auto last = [&] { return (Take('-') || Take("..")) && TakeIp4Address(); };
    if (!TakeIp4Address()) return false;
    if (!Sequence(prefix)) Sequence(last);
    return true;
  }

  bool TakeIp6() {
    const auto prefix = [&] { return Take('/') && TakeDigits(1, 3); };
    const auto last = [&] { return (Take('-') || Take("..")) && TakeIp6Address(); };
    if (!TakeIp6Address()) return false;
    if (!Sequence(prefix)) Sequence(last);
    return true;
  }

  bool TakeDatetime() {
    const auto date = [&] {
      return TakeDigits(4, 4) && Take('-') && TakeDigits(2, 2) && Take('-') && TakeDigits(2, 2);
    };
    const auto fraction = [&] {
      Sequence([&] { return Take('.') && TakeDigits(1); });
      return true;
    };
    const auto offset = [&] {
      return (Take('+') || Take('-')) && TakeDigits(2, 2) && Take(':') && TakeDigits(2, 2);
    };
    return Sequence(
        date, [&] { return Take('T') || Take('t'); }, [&] { return TakeClock(); }, fraction,
        [&] { return Take('Z') || Take('z') || offset(); });
  }

  bool TakeFloat() {
    return Sequence([&] { return TakeDigits(1) && Take('.') && TakeDigits(1); });
  }

  bool TakeFunction() {
    return Sequence([&] { return TakeIf([](char c) { return IsLetter(c) || c == '_'; }); },
                    [&] { return TakeRun(IsWordCharacter, 2); }, [&] { return Take('('); });
  }

  bool TakeVariable() {
    if (!TakeIf([](char c) { return IsLetter(c) || c == '_'; })) return false;
    TakeRun(IsNameCharacter, 0);
    TakeIndex();
    const auto segment = [&] {
      Take('.');
      if (!TakeIf(IsLetter)) return false;
      TakeRun(IsNameCharacter, 0);
      TakeIndex();
      return true;
    };
    while (Sequence(segment)) {
    }
    return true;
  }

  bool TakeText() {
    const char quote = Peek();
    if (quote != '"' && quote != '\'') return false;
    return Sequence([&] { return Take(quote); },
                    [&] { return TakeRun([quote](char c) { return c != quote; }, 1); },
                    [&] { return Take(quote); });
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool TakeIp4Address() {
    const auto octet = [&] { return TakeDigits(1, 3); };
    const auto dot = [&] { return Take('.'); };
    return Sequence(octet, dot, octet, dot, octet, dot, octet);
  }
  // A run of hexadecimal digits and colons, one of them a colon behind its first character.
  bool TakeIp6Address() {
    const size_t begin = at_;
    TakeRun(IsIp6Character, 0);
    const std::string_view run = text_.substr(begin, at_ - begin);
    if (run.find(':', 1) != std::string_view::npos) return true;
    at_ = begin;
    return false;
  }
  void TakeIndex() {
    const auto number = [&] {
      Take('-');
      return TakeDigits(1);
    };
    Sequence([&] { return Take('['); }, [&] { return Take('#') || number(); },
             [&] { return Take(']'); });
  }

  std::string_view text_;
  size_t at_;
};

// The token at `begin`, kEnd if there begins none.
Token TokenAt(std::string_view text, size_t begin) {
  Scanner scanner(text, begin);
  const auto token = [&](TokenKind kind, Operator op = Operator::kOr) {
    return Token{.kind = kind, .op = op, .begin = begin, .end = scanner.at()};
  };
  for (const OperatorSpelling& spelling : kOperators) {
    if (scanner.Take(spelling.text)) return token(TokenKind::kOperator, spelling.op);
  }
  if (scanner.TakeTimedelta()) return token(TokenKind::kTimedelta);
  if (scanner.TakeIp4()) return token(TokenKind::kIp4);
  if (scanner.TakeIp6()) return token(TokenKind::kIp6);
  if (scanner.TakeDatetime()) return token(TokenKind::kDatetime);
  if (scanner.TakeFloat()) return token(TokenKind::kFloat);
  if (scanner.TakeDigits(1)) return token(TokenKind::kInteger);
  if (scanner.TakeFunction()) return token(TokenKind::kFunction);
  if (scanner.TakeVariable()) return token(TokenKind::kVariable);
  if (scanner.TakeText()) return token(TokenKind::kText);
  if (scanner.Take(',') || scanner.Take(';')) return token(TokenKind::kComma);
  if (scanner.Take('(')) return token(TokenKind::kLeftParenthesis);
  if (scanner.Take(')')) return token(TokenKind::kRightParenthesis);
  if (scanner.Take('[')) return token(TokenKind::kLeftBracket);
  if (scanner.Take(']')) return token(TokenKind::kRightBracket);
  return token(TokenKind::kEnd);
}

}  // namespace

TokenList Tokenize(std::string_view text) {
  TokenList result;
  size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\n') {
      ++at;
      continue;
    }
    const Token token = TokenAt(text, at);
    if (token.kind != TokenKind::kEnd) {
      result.tokens.push_back(token);
      at = token.end;
      continue;
    }
    const size_t begin = at++;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    if (!result.dropped.empty() && result.dropped.back().end == begin) {
      result.dropped.back().end = at;
    } else {
      result.dropped.push_back({.begin = begin, .end = at});
    }
  }
  result.tokens.push_back({.kind = TokenKind::kEnd, .begin = text.size(), .end = text.size()});
  return result;
}

bool IsTorn(std::string_view text, const Token& token) {
  return token.kind == TokenKind::kOperator && IsLetter(text[token.begin]) &&
         token.end < text.size() && IsWordCharacter(text[token.end]);
}

std::string_view TornName(std::string_view text, const Token& token) {
  size_t end = token.end;
  while (end < text.size() && IsNameCharacter(text[end])) ++end;
  return text.substr(token.begin, end - token.begin);
}

std::string TextContent(std::string_view quoted) {
  std::string content(quoted);
  std::erase_if(content, [](char c) { return c == '"' || c == '\''; });
  return content;
}

}  // namespace mentat::filter
