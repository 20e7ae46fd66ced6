#include "common/filter/parser.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/diagnostic.h"

namespace mentat::filter {
namespace {

constexpr std::string_view kValueExpected =
    "expected a value: a literal, a name, a call, a list, or an expression in parentheses";
constexpr size_t kMaxQuoted = 40;    // bytes of a token in a message
constexpr size_t kMaxDigits = 4300;  // of a whole number, as in Python

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

// The bytes of the text up to the first that is not UTF-8.
size_t ValidUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto byte = [&](size_t k) {
      return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u;
    };
    const auto continues = [&](size_t k) { return (byte(k) & 0xc0) == 0x80; };
    const unsigned lead = byte(0);
    if (lead < 0x80) {
      i += 1;
    } else if (lead >= 0xc2 && lead < 0xe0 && continues(1)) {
      i += 2;
    } else if (lead >= 0xe0 && lead < 0xf0 && continues(1) && continues(2) &&
               !(lead == 0xe0 && byte(1) < 0xa0) && !(lead == 0xed && byte(1) >= 0xa0)) {
      i += 3;
    } else if (lead >= 0xf0 && lead < 0xf5 && continues(1) && continues(2) && continues(3) &&
               !(lead == 0xf0 && byte(1) < 0x90) && !(lead == 0xf4 && byte(1) >= 0x90)) {
      i += 4;
    } else {
      break;
    }
  }
  return i;
}

Value NumberOf(TokenKind kind, std::string_view text) {
  if (kind == TokenKind::kInteger) return Value::IntegerFromDigits(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Without an exponent only a very long numeral is out of range: then it is infinite, or nothing
  // but zeros stand before the point.
  if (error == std::errc::result_out_of_range) {
    const bool tiny = text.find_first_not_of('0') == text.find('.');
    value = tiny ? 0 : std::numeric_limits<double>::infinity();
  }
  return Value::Float(value);
}

class Parser {
 public:
  Parser(std::string_view text, const Limits& limits, TokenList tokens)
      : text_(text), limits_(limits), tokens_(std::move(tokens)) {
    ast_.text = std::string(text);
  }

  absl::StatusOr<ParsedRule> Run() {
    if (Peek().kind == TokenKind::kEnd) return Error("the rule is empty, expected an expression");
    ASSIGN_OR_RETURN(ast_.root, ParseExpression());
    ParsedRule rule{.ast = std::move(ast_), .dropped = std::move(tokens_.dropped)};
    for (const Token& token : tokens_.tokens) {
      if (IsTorn(text_, token)) rule.torn.push_back(token);
    }
    return rule;
  }

 private:
  const Token& Peek(size_t ahead = 0) const {
    return tokens_.tokens[std::min(next_ + ahead, tokens_.tokens.size() - 1)];
  }
  Token Take() { return tokens_.tokens[next_++]; }
  bool TakeIf(TokenKind kind) {
    if (Peek().kind != kind) return false;
    ++next_;
    return true;
  }

  // What is begun and waits for its operand, or for its `)`.
  struct Open {
    enum class Kind { kBinary, kPrefix, kParenthesis, kCall };
    Kind kind;
    Token token;
    NodeId left = kNoNode;  // of kBinary

    bool IsOperator() const { return kind == Kind::kBinary || kind == Kind::kPrefix; }
    // Whether it takes what was just read before an operator of `level` does. All binary operators
    // group to the right.
    bool BindsTighterThan(Level level) const { return IsOperator() && LevelOf(token.op) > level; }
  };

  // The whole rule, without recursion: what is open stands in a stack.
  absl::StatusOr<NodeId> ParseExpression() {
    while (true) {
      ASSIGN_OR_RETURN(NodeId value, ParseOperand());
      while (Peek().kind == TokenKind::kRightParenthesis && depth_ > 0) {
        ASSIGN_OR_RETURN(value, Close(value));
      }
      const Token next = Peek();
      const bool is_binary = next.kind == TokenKind::kOperator && LevelOf(next.op) != Level::kNot &&
                             LevelOf(next.op) != Level::kExists;
      if (is_binary) {
        ASSIGN_OR_RETURN(value, Reduce(value, LevelOf(next.op)));
        open_.push_back({Open::Kind::kBinary, Take(), value});
        continue;
      }
      if (depth_ > 0) return Unexpected(ExpectedInParentheses());
      if (next.kind != TokenKind::kEnd) {
        return Unexpected("expected an operator or the end of the rule");
      }
      return ReduceAll(value);
    }
  }

  // An atom with what stands before it: prefixes, opening parentheses and calls.
  absl::StatusOr<NodeId> ParseOperand() {
    while (true) {
      const Token token = Peek();
      if (token.kind == TokenKind::kOperator &&
          (token.op == Operator::kNot || token.op == Operator::kExists)) {
        RETURN_IF_ERROR(CheckPrefix());
        open_.push_back({Open::Kind::kPrefix, Take()});
      } else if (token.kind == TokenKind::kLeftParenthesis) {
        RETURN_IF_ERROR(Enter());
        open_.push_back({Open::Kind::kParenthesis, Take()});
      } else if (token.kind == TokenKind::kFunction) {
        RETURN_IF_ERROR(Enter());
        open_.push_back({Open::Kind::kCall, Take()});
        if (Peek().kind == TokenKind::kRightParenthesis) return Close(kNoNode);
      } else {
        return ParseAtom();
      }
    }
  }

  // At most one `not`, then at most one `exists`, and neither behind a comparison or arithmetic.
  absl::Status CheckPrefix() const {
    if (open_.empty() || !open_.back().IsOperator()) return absl::OkStatus();
    const Operator before = open_.back().token.op;
    if (LevelOf(before) < LevelOf(Peek().op)) return absl::OkStatus();
    if (before != Operator::kNot && before != Operator::kExists) return Unexpected(kValueExpected);
    return Unexpected(
        "expected a value: `not` and `exists` may stand only once and in this order, else in "
        "parentheses");
  }

  // Gives `value` to the operators that bind tighter than those of `level`.
  absl::StatusOr<NodeId> Reduce(NodeId value, Level level) {
    while (!open_.empty() && open_.back().BindsTighterThan(level)) {
      ASSIGN_OR_RETURN(value, Complete(value));
    }
    return value;
  }

  // Gives `value` to all operators up to the innermost parenthesis.
  absl::StatusOr<NodeId> ReduceAll(NodeId value) {
    while (!open_.empty() && open_.back().IsOperator()) {
      ASSIGN_OR_RETURN(value, Complete(value));
    }
    return value;
  }

  // The innermost open operator with its last operand.
  absl::StatusOr<NodeId> Complete(NodeId value) {
    const Open open = open_.back();
    open_.pop_back();
    if (open.kind == Open::Kind::kBinary) {
      return Add({.kind = Node::Kind::kBinary,
                  .op = open.token.op,
                  .left = open.left,
                  .right = value,
                  .offset = open.token.begin});
    }
    const bool is_not = open.token.op == Operator::kNot;
    return Add({.kind = is_not ? Node::Kind::kNot : Node::Kind::kExists,
                .left = value,
                .offset = open.token.begin});
  }

  // Takes the `)` of the innermost parenthesis or call, `value` being what stands in it.
  absl::StatusOr<NodeId> Close(NodeId value) {
    ASSIGN_OR_RETURN(value, ReduceAll(value));
    Take();
    --depth_;
    const Open open = open_.back();
    open_.pop_back();
    if (open.kind == Open::Kind::kParenthesis) return value;
    const size_t begin = open.token.begin;
    return Add({.kind = Node::Kind::kCall,
                .left = value,
                .offset = begin,
                .text = std::string(text_.substr(begin, open.token.end - 1 - begin))});
  }

  std::string_view ExpectedInParentheses() const {
    const auto innermost = std::find_if(open_.rbegin(), open_.rend(),
                                        [](const Open& open) { return !open.IsOperator(); });
    return innermost->kind == Open::Kind::kCall
               ? "expected an operator or `)`: a function takes one argument at most"
               : "expected an operator or `)`";
  }

  absl::StatusOr<NodeId> ParseAtom() {
    switch (Peek().kind) {
      case TokenKind::kIp4:
      case TokenKind::kIp6:
      case TokenKind::kDatetime:
      case TokenKind::kTimedelta:
      case TokenKind::kText:
        return ParseLiteral();
      case TokenKind::kInteger:
      case TokenKind::kFloat:
        RETURN_IF_ERROR(CheckDigits());
        return ParseLiteral();
      case TokenKind::kVariable: {
        const Token name = Take();
        return Add({.kind = Node::Kind::kVariable,
                    .offset = name.begin,
                    .text = std::string(name.In(text_))});
      }
      case TokenKind::kLeftBracket:
        return ParseList();
      default:
        return Unexpected(kValueExpected);
    }
  }

  absl::StatusOr<NodeId> ParseLiteral() {
    const Token token = Take();
    const ListItem item = ItemOf(token);
    return Add({.kind = Node::Kind::kConstant,
                .literal = token.kind,
                .offset = token.begin,
                .text = item.text,
                .value = RawValue(item)});
  }

  absl::StatusOr<NodeId> ParseList() {
    const Token bracket = Take();
    Node list{.kind = Node::Kind::kList, .offset = bracket.begin};
    std::vector<Value> values;
    do {
      switch (Peek().kind) {
        case TokenKind::kIp4:
        case TokenKind::kIp6:
        case TokenKind::kDatetime:
        case TokenKind::kTimedelta:
        case TokenKind::kText:
        case TokenKind::kVariable:
          break;
        case TokenKind::kInteger:
        case TokenKind::kFloat:
          RETURN_IF_ERROR(CheckDigits());
          break;
        default:
          return Unexpected("expected an item of the list: a literal or a name");
      }
      if (list.items.size() + ast_.nodes.size() + items_ >= limits_.max_nodes)
        return TooManyNodes();
      list.items.push_back(ItemOf(Take()));
      values.push_back(RawValue(list.items.back()));
    } while (TakeIf(TokenKind::kComma));
    if (!TakeIf(TokenKind::kRightBracket)) return Unexpected("expected `,` or `]`");
    items_ += list.items.size();
    list.value = Value::List(std::move(values));
    return Add(std::move(list));
  }

  ListItem ItemOf(const Token& token) const {
    const std::string_view word = token.In(text_);
    return {.kind = token.kind,
            .text = token.kind == TokenKind::kText ? TextContent(word) : std::string(word),
            .offset = token.begin};
  }

  static Value RawValue(const ListItem& item) {
    const bool number = item.kind == TokenKind::kInteger || item.kind == TokenKind::kFloat;
    return number ? NumberOf(item.kind, item.text) : Value::Text(item.text);
  }

  absl::StatusOr<NodeId> Add(Node node) {
    if (ast_.nodes.size() + items_ >= limits_.max_nodes) return TooManyNodes();
    ast_.nodes.push_back(std::move(node));
    return static_cast<NodeId>(ast_.nodes.size() - 1);
  }

  absl::Status Enter() {
    if (++depth_ <= limits_.max_depth) return absl::OkStatus();
    return Error(absl::StrCat("nested deeper than the limit max_depth, ", limits_.max_depth));
  }
  absl::Status TooManyNodes() const {
    return Error(
        absl::StrCat("the rule has more parts than the limit max_nodes, ", limits_.max_nodes));
  }
  absl::Status CheckDigits() const {
    if (Peek().end - Peek().begin <= kMaxDigits) return absl::OkStatus();
    return Error(absl::StrCat("the number has more digits than the limit, ", kMaxDigits));
  }

  absl::Status Error(std::string_view message) const {
    return ErrorAt(Stage::kParse, text_, Peek().begin, message);
  }

  absl::Status Unexpected(std::string_view expected) const {
    return Error(absl::StrCat(ToAbsl(expected), "; found ", FoundText(), Hint()));
  }

  std::string FoundText() const {
    const Token& found = Peek();
    if (found.kind == TokenKind::kEnd) return "the end of the rule";
    const std::string_view word = found.In(text_);
    std::string shown(word.substr(0, kMaxQuoted));
    while (shown.size() < word.size() &&
           (static_cast<unsigned char>(word[shown.size()]) & 0xc0) == 0x80) {
      shown += word[shown.size()];
    }
    return absl::StrCat(found.kind == TokenKind::kOperator ? "the operator `" : "`", shown,
                        shown.size() < word.size() ? "…`" : "`");
  }

  // What people mostly meant who wrote this.
  std::string Hint() const {
    const Token& found = Peek();
    for (size_t i = next_ > 1 ? next_ - 2 : 0; i <= next_ && i < tokens_.tokens.size(); ++i) {
      const Token& token = tokens_.tokens[i];
      if (IsTorn(text_, token)) {
        return absl::StrCat("; `", ToAbsl(TornName(text_, token).substr(0, kMaxQuoted)),
                            "` begins with the operator `", ToAbsl(token.In(text_)),
                            "` and is torn apart, so it cannot be a name");
      }
    }
    if (found.kind == TokenKind::kOperator && found.op == Operator::kMinus &&
        Peek(1).kind == TokenKind::kInteger) {
      return "; a negative number is written `0 - 1`";
    }
    const bool after_number = next_ > 0 && tokens_.tokens[next_ - 1].kind == TokenKind::kInteger;
    if (after_number && found.kind == TokenKind::kVariable &&
        (text_[found.begin] == 'T' || text_[found.begin] == 't')) {
      return "; a datetime needs a zone, as in `2024-03-05T15:52:22Z`";
    }
    const bool after_name = next_ > 0 && tokens_.tokens[next_ - 1].kind == TokenKind::kVariable;
    if (after_name && found.kind == TokenKind::kLeftParenthesis) {
      return "; a function's name has at least three characters, and `(` right behind it";
    }
    return HintOfDropped(found.begin);
  }

  // What was left out before the place where it goes wrong.
  std::string HintOfDropped(size_t place) const {
    for (const DroppedCharacters& dropped : tokens_.dropped) {
      if (dropped.end > place) break;
      const std::string_view word = text_.substr(dropped.begin, dropped.end - dropped.begin);
      if (word.find_first_of("\"'") != std::string_view::npos) {
        return "; a quote without its pair is dropped, and an empty text cannot be written";
      }
      if (word.find('#') != std::string_view::npos) {
        return "; the language has no comments: a `#` is dropped, and what follows is read";
      }
      const size_t next = text_.find_first_not_of(" \t\n", dropped.end);
      if (next == place && word.find_first_not_of('\r') != std::string_view::npos &&
          word.size() <= kMaxQuoted) {
        return absl::StrCat("; `", ToAbsl(word), "` before it means nothing and is dropped");
      }
    }
    return "";
  }

  std::string_view text_;
  const Limits& limits_;
  TokenList tokens_;
  size_t next_ = 0;
  std::vector<Open> open_;
  size_t depth_ = 0;  // of parentheses and calls among them
  size_t items_ = 0;  // of all lists
  Ast ast_;
};

}  // namespace

absl::StatusOr<ParsedRule> Parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.max_bytes) {
    return ErrorAt(Stage::kParse, text, 0,
                   absl::StrCat("the rule has ", text.size(),
                                " bytes, more than the limit max_bytes, ", limits.max_bytes));
  }
  if (const size_t valid = ValidUtf8(text); valid < text.size()) {
    return ErrorAt(Stage::kParse, text.substr(0, valid), valid, "the rule is not valid UTF-8");
  }
  return Parser(text, limits, Tokenize(text)).Run();
}

}  // namespace mentat::filter
