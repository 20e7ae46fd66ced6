#include "common/filter/random_tree.h"

#include <cstdlib>
#include <utility>

#include "common/filter/parser.h"
#include "common/idea/json_reader.h"

namespace mentat::filter {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

NodeId Add(Ast* ast, Node node) {
  ast->nodes.push_back(std::move(node));
  return static_cast<NodeId>(ast->nodes.size() - 1);
}

// A leaf as the parser makes it of its text.
NodeId AddLeaf(Ast* ast, std::string_view text) {
  Ast leaf = Parse(text, {}).value().ast;
  return Add(ast, std::move(leaf.nodes[leaf.root]));
}

NodeId AddBinary(Ast* ast, Operator op, NodeId left, NodeId right) {
  return Add(ast, {.kind = Node::Kind::kBinary, .op = op, .left = left, .right = right});
}

// Whether the text is one word of this kind.
bool IsWord(std::string_view text, TokenKind kind) {
  const TokenList words = Tokenize(text);
  return words.dropped.empty() && words.tokens.size() == 2 && words.tokens[0].kind == kind;
}

constexpr Operator kLogic[] = {Operator::kOr,     Operator::kXor,     Operator::kAnd,
                               Operator::kHighOr, Operator::kHighXor, Operator::kHighAnd};
constexpr Operator kComparisons[] = {
    Operator::kLike,         Operator::kIn,   Operator::kIn,        Operator::kIs,
    Operator::kEqual,        Operator::kIn,   Operator::kNotEqual,  Operator::kGreater,
    Operator::kGreaterEqual, Operator::kLess, Operator::kLessEqual, Operator::kEqual};
constexpr Operator kArithmetic[] = {Operator::kPlus, Operator::kMinus, Operator::kTimes,
                                    Operator::kDivide, Operator::kModulo};

}  // namespace

uint64_t TestSeed(uint64_t otherwise) { return FromEnvironment("MENTAT_TEST_SEED", otherwise); }
int TestRounds(int otherwise) {
  return static_cast<int>(FromEnvironment("MENTAT_TEST_ROUNDS", otherwise));
}

std::string RandomTrees::Digits(size_t min, size_t max) {
  std::string digits;
  for (size_t i = min + Below(max - min + 1); i > 0; --i)
    digits += static_cast<char>('0' + Below(10));
  return digits;
}

// What a text may hold: no quotes.
std::string RandomTrees::Content() {
  std::string content;
  for (size_t i = Below(4); i > 0; --i) {
    content +=
        One({"a", "Test",  "b.c", " ", "\n",   "\r\n",     "\t", "#", "\\d+", "ž",    "→",  "(",
             ")", "[0-9]", "]",   ",", " or ", "10.0.0.1", "$",  "^", "|",    "\x7f", "--", "*"});
  }
  return content;
}

std::string RandomTrees::Text() {
  const std::string content = Content();
  // Only quotes of the other kind within make an empty text.
  if (content.empty()) return Coin() ? "\"'\"" : "'\"'";
  return Coin() ? "'" + content + "'" : "\"" + content + "\"";
}

std::string RandomTrees::Address4() {
  const auto address = [&] {
    std::string text = One({"10", "192", "0", "255", "256", "01"});
    for (int i = 0; i < 3; ++i) text += "." + One({"0", "1", "2", "10", "255"});
    return text;
  };
  switch (Below(5)) {
    case 0:
      return address() + "/" + Digits(1, 2);
    case 1:
      return address() + "-" + address();
    case 2:
      return OneIn(4) ? address() + ".." + address() : address();
    default:
      return address();
  }
}

std::string RandomTrees::Address6() {
  const auto address = [&] {
    return One({"::", "::1", "2001:db8::", "fe80::1", "1:2:3:4:5:6:7:8", "12:34"});
  };
  switch (Below(5)) {
    case 0:
      return address() + "/" + Digits(1, 3);
    case 1:
      return address() + "-" + address();
    case 2:
      return OneIn(4) ? address() + ".." + address() : address();
    default:
      return address();
  }
}

std::string RandomTrees::Datetime() {
  std::string text =
      One({"2024-03-05", "2024-02-29", "2023-02-29", "0001-01-01", "9999-12-31", "1970-01-01"});
  text += One({"T", "t"}) + One({"15:52:22", "00:00:00", "23:59:59", "24:00:00"});
  if (OneIn(3)) text += "." + Digits(1, 8);
  return text + One({"Z", "Z", "z", "+01:00", "-02:30", "+05:30"});
}

std::string RandomTrees::Timedelta() {
  const std::string days = Coin() ? "" : Digits(1, 2) + One({"D", "d", "|"});
  return days + One({"00:00:00", "00:05:00", "01:30:00", "99:99:99"});
}

std::string RandomTrees::WildName() {
  while (true) {
    std::string name = One({"A", "_", "Z9", "a-b", "Note", "Source", "x"});
    for (size_t i = Below(4); i > 0; --i) {
      name += One({".b", "C", "-", ".IP4", "[1]", "[#]", "[-1]", "[0]", "_x", "9", ".Port"});
    }
    if (IsWord(name, TokenKind::kVariable)) return name;
  }
}

std::string RandomTrees::WildLiteral() {
  switch (Below(8)) {
    case 0:
      return Digits(1, OneIn(10) ? 60 : 3);
    case 1:
      return Digits(1, 25) + "." + Digits(1, 25);
    case 2:
      return Address4();
    case 3:
      return Address6();
    case 4:
      return Datetime();
    case 5:
      return Timedelta();
    default:
      return Text();
  }
}

std::string RandomTrees::Literal(const RuleStyle& style) {
  if (style.wild) return WildLiteral();
  return One({"0",
              "1",
              "42",
              "007",
              "22",
              "9223372036854775807",
              "18446744073709551616",
              "42.0",
              "0.5",
              "0.75",
              "'abc'",
              "'Test'",
              "'b+'",
              "'('",
              "'^a'",
              "\"'\"",
              "'22'",
              "' 1.5 '",
              "'nan'",
              "10.0.0.5",
              "192.0.2.0/28",
              "192.0.2.1",
              "10.0.0.1-10.0.0.9",
              "2024-03-05T15:52:22Z",
              "2024-03-05T16:52:22.000+01:00",
              "'2024-03-05T15:40:00Z'",
              "00:05:00",
              "1D00:00:00",
              "'00:05:00'",
              "'2001:db8::1'",
              "'192.0.2.1'",
              "2023-02-29T00:00:00Z"});
}

std::string RandomTrees::Key(const RuleStyle& style) {
  if (style.wild && Coin()) return WildName();
  return One({"Category",
              "Category[1]",
              "Category[#]",
              "ConnCount",
              "ConnCount[1]",
              "FlowCount",
              "Confidence",
              "Description",
              "Note",
              "DetectTime",
              "EventTime",
              "CreateTime",
              "Source",
              "Source.IP4",
              "Source[1].IP4",
              "Source[#].IP4",
              "Source.IP4[0]",
              "Source[1].IP4[2]",
              "Target.IP6",
              "Target[2].IP6",
              "Source.Port",
              "Target[00].Port[#]",
              "Target.Spoofed",
              "Source.Hostname",
              "Source.Own.a",
              "Node.Name",
              "Node.AggrWin",
              "Node[1].AggrWin",
              "_CESNET.EventClass",
              "Own",
              "Own.a",
              "Own[1]",
              "Own.b[2]",
              "Missing",
              "Missing.x[1]"});
}

std::string RandomTrees::List(const RuleStyle& style) {
  std::string list = "[";
  // Mostly of one kind, so that something is found.
  const std::string kind = Literal(style);
  for (size_t i = Below(OneIn(6) ? 30 : 4);; --i) {
    std::string item = OneIn(3) ? Literal(style) : kind;
    if (OneIn(style.wild ? 6 : 40)) item = Key(style);
    if (OneIn(4))
      item = One({"10.0.0.0/8", "2001:db8::/32", "'Test'", "22", "192.0.2.0-192.0.2.9"});
    list += item;
    if (i == 0) return list + "]";
    list += Coin() ? ", " : ";";
  }
}

NodeId RandomTrees::Atom(Ast* ast, const RuleStyle& style, int depth) {
  switch (Below(10)) {
    case 0:
    case 1:
    case 2:
      return AddLeaf(ast, Literal(style));
    case 3:
      return AddLeaf(ast, List(style));
    case 4: {
      const std::string name = style.wild
                                   ? One({"size", "strlen", "time", "utcnow", "nosuch", "_x1"})
                                   : One({"size", "strlen", "utcnow"});
      const bool argument = name == "size" || name == "strlen" || (style.wild && OneIn(3));
      NodeId left = kNoNode;
      if (argument)
        left = depth > 0 && OneIn(3) ? Grow(ast, style, depth - 1) : AddLeaf(ast, Key(style));
      return Add(ast, {.kind = Node::Kind::kCall, .left = left, .text = name});
    }
    default:
      return AddLeaf(ast, Key(style));
  }
}

NodeId RandomTrees::Comparison(Ast* ast, const RuleStyle& style) {
  const auto side = [&] {
    const NodeId atom = Atom(ast, style, 0);
    if (!OneIn(6)) return atom;
    const NodeId other = Atom(ast, style, 0);
    return AddBinary(ast, kArithmetic[Below(std::size(kArithmetic))], atom, other);
  };
  const NodeId left = side();
  const NodeId right = side();
  return AddBinary(ast, kComparisons[Below(std::size(kComparisons))], left, right);
}

NodeId RandomTrees::Grow(Ast* ast, const RuleStyle& style, int depth) {
  if (depth == 0) return Coin() ? Comparison(ast, style) : Atom(ast, style, 0);
  switch (Below(style.wild ? 8 : 6)) {
    case 0: {
      const NodeId left = Grow(ast, style, depth - 1);
      return Add(ast, {.kind = Coin() ? Node::Kind::kNot : Node::Kind::kExists, .left = left});
    }
    case 1:
    case 2:
      return Comparison(ast, style);
    case 6:
    case 7: {
      // Whatever the grammar allows.
      const NodeId left = Grow(ast, style, depth - 1);
      const NodeId right = Grow(ast, style, depth - 1);
      const bool arithmetic = Coin();
      return AddBinary(ast,
                       arithmetic ? kArithmetic[Below(std::size(kArithmetic))]
                                  : kComparisons[Below(std::size(kComparisons))],
                       left, right);
    }
    default: {
      // A chain, which groups to the right.
      const Operator op = kLogic[Below(std::size(kLogic))];
      std::vector<NodeId> operands;
      for (size_t i = Below(OneIn(4) ? 8 : 2) + 2; i > 0; --i)
        operands.push_back(Grow(ast, style, depth - 1));
      NodeId chain = operands.back();
      for (size_t i = operands.size() - 1; i-- > 0;) chain = AddBinary(ast, op, operands[i], chain);
      return chain;
    }
  }
}

Ast RandomTrees::Tree(const RuleStyle& style) {
  Ast ast;
  ast.root = Grow(&ast, style, style.depth);
  return ast;
}

Ast RandomTrees::Numbers(int depth) {
  Ast ast;
  const auto grow = [&](const auto& self, int left) -> NodeId {
    if (left == 0 || OneIn(5)) {
      return AddLeaf(&ast,
                     OneIn(3) ? Digits(1, 4) + "." + Digits(1, 3) : Digits(1, OneIn(4) ? 30 : 3));
    }
    const NodeId a = self(self, left - 1);
    const NodeId b = self(self, left - 1);
    return AddBinary(&ast, kArithmetic[Below(std::size(kArithmetic))], a, b);
  };
  ast.root = grow(grow, depth);
  return ast;
}

std::string RandomTrees::JsonList(const std::vector<std::string_view>& choices, size_t max) {
  std::string list = "[";
  for (size_t i = Below(max + 1); i > 0; --i) list += One(choices) + (i > 1 ? "," : "");
  return list + "]";
}

std::string RandomTrees::JsonText() {
  std::string json;
  idea::AppendJsonText(
      OneIn(3) ? One({"abc", "Test", "22", "1.5", "", "nan", "00:05:00"}) : Content(), &json);
  return json;
}

std::string RandomTrees::JsonValue(int depth) {
  if (depth > 0 && OneIn(3)) {
    return "{\"a\":" + JsonValue(depth - 1) + ",\"b\":" + JsonValue(depth - 1) + "}";
  }
  if (depth > 0 && OneIn(3)) {
    std::string list = "[";
    for (size_t i = Below(4); i > 0; --i) list += JsonValue(depth - 1) + (i > 1 ? "," : "");
    return list + "]";
  }
  if (OneIn(3)) return JsonText();
  return One({"null", "true", "false", "0", "1", "22", "-7", "42", "42.0", "0.5", "1e3", "-0.0",
              "9223372036854775807", "18446744073709551616", "[]", "{}", "1.7976931348623157e308"});
}

std::string RandomTrees::SourceOrTarget() {
  std::string object =
      "{\"IP4\":" + JsonList({"\"192.0.2.1\"", "\"192.0.2.0/28\"", "\"10.0.0.1-10.0.0.9\"",
                              "\"10.0.0.5\"", "\"0.0.0.42\""},
                             4);
  if (Coin())
    object += ",\"IP6\":" + JsonList({"\"2001:db8::1\"", "\"2001:db8::/64\"", "\"::-::ff\""}, 3);
  if (Coin()) object += ",\"Port\":" + JsonList({"0", "1", "22", "42", "65535"}, OneIn(8) ? 60 : 3);
  if (Coin()) object += ",\"Spoofed\":" + One({"true", "false"});
  if (Coin()) object += ",\"Hostname\":" + JsonList({"\"abc\"", "\"\"", "\"Test\"", "\"ž\\n\""}, 3);
  if (Coin()) object += ",\"Own\":" + JsonValue(2);
  return object + "}";
}

std::string RandomTrees::Event() {
  std::string event =
      R"({"Format":"IDEA0","ID":"x","DetectTime":"2024-03-05T15:52:22Z","Category":)" +
      JsonList({"\"Test\"", "\"Other\"", "\"Recon.Scanning\""}, 3);
  if (Coin()) event += ",\"ConnCount\":" + One({"0", "1", "42", "22", "9223372036854775807"});
  if (Coin()) event += ",\"FlowCount\":" + One({"0", "7"});
  if (Coin()) event += ",\"Confidence\":" + One({"0", "0.5", "0.75", "1"});
  if (Coin()) event += ",\"Description\":" + JsonText();
  if (Coin()) event += ",\"Note\":" + JsonText();
  if (Coin())
    event +=
        ",\"EventTime\":" + One({"\"2024-03-05T15:40:00Z\"", "\"2024-03-05T15:52:22.000001Z\""});
  if (Coin()) event += ",\"CreateTime\":\"2024-03-05T16:55:00+01:00\"";
  if (Coin()) event += ",\"_CESNET\":{\"EventClass\":\"abc\"}";
  if (Coin()) event += ",\"Own\":" + JsonValue(3);
  for (const std::string_view side : {"Source", "Target"}) {
    if (OneIn(4)) continue;
    event += ",\"" + std::string(side) + "\":[";
    for (size_t i = Below(3);; --i) {
      event += SourceOrTarget();
      if (i == 0) break;
      event += ",";
    }
    event += "]";
  }
  if (Coin()) {
    event += ",\"Node\":[{\"Name\":\"abc\",\"AggrWin\":" +
             One({"\"00:05:00\"", "\"1D00:00:00\"", "\"00:00:00\""}) + "},{\"Name\":\"cz.test\"}]";
  }
  return event + "}";
}

std::string RandomTrees::Noise() {
  std::string text;
  for (size_t i = Below(40); i > 0; --i) {
    switch (Below(4)) {
      case 0:
        text += static_cast<char>(Below(256));
        break;
      case 1:
        text += static_cast<char>(' ' + Below(95));
        break;
      default:
        text += One({"(",        ")",          "[",       "]",     ",",
                     " or ",     "not ",       "exists ", "size(", "==",
                     " in ",     "like",       "'",       "\"",    "10.0.0.1",
                     "::1",      "Source.IP4", "..",      "-",     "2024-03-05T00:00:00Z",
                     "00:00:01", "1",          "ž"});
    }
  }
  return text;
}

std::string RandomTrees::Mutated(std::string text) {
  for (size_t i = 1 + Below(3); i > 0 && !text.empty(); --i) {
    const size_t at = Below(text.size());
    switch (Below(5)) {
      case 0:
        text.erase(at, 1 + Below(4));
        break;
      case 1:
        text[at] = static_cast<char>(OneIn(4) ? Below(256) : ' ' + Below(95));
        break;
      case 2:
        text.insert(at, text.substr(Below(text.size()), Below(20)));
        break;
      case 3:
        text.insert(at, One({"(", ")", "'", "\"", " not ", "[", "\n", "#", "ž", "\xff", "-", " "}));
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

}  // namespace mentat::filter
