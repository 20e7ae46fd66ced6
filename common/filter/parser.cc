#include "common/filter/parser.h"

#include <charconv>
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

bool IsValidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
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
      return false;
    }
  }
  return true;
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
    ASSIGN_OR_RETURN(ast_.root, ParseChain(Level::kOr));
    if (Peek().kind != TokenKind::kEnd)
      return Unexpected("expected an operator or the end of the rule");
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
  bool AtOperator(Level level) const {
    return Peek().kind == TokenKind::kOperator && LevelOf(Peek().op) == level;
  }

  // One level of binary operators, all of them right-associative.
  absl::StatusOr<NodeId> ParseChain(Level level) {
    struct Link {
      Operator op;
      size_t offset;
      NodeId left;
    };
    std::vector<Link> links;
    NodeId last = kNoNode;
    while (true) {
      ASSIGN_OR_RETURN(last, ParseOperand(level));
      if (!AtOperator(level)) break;
      const Token op = Take();
      links.push_back({op.op, op.begin, last});
    }
    while (!links.empty()) {
      const Link& link = links.back();
      ASSIGN_OR_RETURN(last, Add({.kind = Node::Kind::kBinary,
                                  .op = link.op,
                                  .left = link.left,
                                  .right = last,
                                  .offset = link.offset}));
      links.pop_back();
    }
    return last;
  }

  // What stands between the operators of `level`.
  absl::StatusOr<NodeId> ParseOperand(Level level) {
    switch (level) {
      case Level::kHighAnd:
        return ParsePrefix();
      case Level::kComparison:
        return ParseChain(Level::kArithmetic);
      case Level::kArithmetic:
        return ParseAtom();
      default:
        return ParseChain(static_cast<Level>(static_cast<int>(level) + 1));
    }
  }

  // At most one `not`, then at most one `exists`.
  absl::StatusOr<NodeId> ParsePrefix() {
    std::vector<std::pair<Node::Kind, size_t>> prefixes;
    if (AtOperator(Level::kNot)) prefixes.emplace_back(Node::Kind::kNot, Take().begin);
    if (AtOperator(Level::kExists)) prefixes.emplace_back(Node::Kind::kExists, Take().begin);
    if (AtOperator(Level::kNot) || AtOperator(Level::kExists)) {
      if (!prefixes.empty()) {
        return Unexpected(
            "expected a value: `not` and `exists` may stand only once and in this "
            "order, else in parentheses");
      }
    }
    ASSIGN_OR_RETURN(NodeId node, ParseChain(Level::kComparison));
    for (; !prefixes.empty(); prefixes.pop_back()) {
      ASSIGN_OR_RETURN(
          node,
          Add({.kind = prefixes.back().first, .left = node, .offset = prefixes.back().second}));
    }
    return node;
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
      case TokenKind::kFunction:
        return ParseCall();
      case TokenKind::kLeftBracket:
        return ParseList();
      case TokenKind::kLeftParenthesis: {
        RETURN_IF_ERROR(Enter());
        Take();
        ASSIGN_OR_RETURN(const NodeId inner, ParseChain(Level::kOr));
        if (!TakeIf(TokenKind::kRightParenthesis)) return Unexpected("expected an operator or `)`");
        --depth_;
        return inner;
      }
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

  absl::StatusOr<NodeId> ParseCall() {
    RETURN_IF_ERROR(Enter());
    const Token function = Take();
    Node call{.kind = Node::Kind::kCall,
              .offset = function.begin,
              .text = std::string(text_.substr(function.begin, function.end - 1 - function.begin))};
    if (Peek().kind != TokenKind::kRightParenthesis) {
      ASSIGN_OR_RETURN(call.left, ParseChain(Level::kOr));
    }
    if (!TakeIf(TokenKind::kRightParenthesis)) {
      return Unexpected("expected an operator or `)`: a function takes one argument at most");
    }
    --depth_;
    return Add(std::move(call));
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
    for (const DroppedCharacters& dropped : tokens_.dropped) {
      const std::string_view word = text_.substr(dropped.begin, dropped.end - dropped.begin);
      if (dropped.end <= found.begin && word.find_first_of("\"'") != std::string_view::npos) {
        return "; a quote without its pair is dropped, and an empty text cannot be written";
      }
    }
    return "";
  }

  std::string_view text_;
  const Limits& limits_;
  TokenList tokens_;
  size_t next_ = 0;
  size_t depth_ = 0;
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
  if (!IsValidUtf8(text)) return ErrorAt(Stage::kParse, "", 0, "the rule is not valid UTF-8");
  return Parser(text, limits, Tokenize(text)).Run();
}

}  // namespace mentat::filter
