#include "common/filter/parser.h"

#include <random>
#include <string>

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// The rule with the parentheses that it needs, or the error.
std::string Reprinted(std::string_view text) {
  const absl::StatusOr<ParsedRule> rule = Parse(text, {});
  if (!rule.ok()) return std::string(rule.status().message());
  return Print(rule->ast, rule->ast.root);
}

// All parentheses, so that the grouping shows.
std::string Grouped(const Ast& ast, NodeId id) {
  const Node& node = ast[id];
  switch (node.kind) {
    case Node::Kind::kBinary:
      return "(" + Grouped(ast, node.left) + std::string(Spelling(node.op)) +
             Grouped(ast, node.right) + ")";
    case Node::Kind::kNot:
      return "not(" + Grouped(ast, node.left) + ")";
    case Node::Kind::kExists:
      return "exists(" + Grouped(ast, node.left) + ")";
    default:
      return Print(ast, id);
  }
}

std::string Grouped(std::string_view text) {
  const absl::StatusOr<ParsedRule> rule = Parse(text, {});
  return rule.ok() ? Grouped(rule->ast, rule->ast.root) : "error";
}

TEST(ParserTest, GroupsToTheRight) {
  EXPECT_EQ(Grouped("1 < 2 < 3"), "(1<(2<3))");
  EXPECT_EQ(Grouped("10 - 3 - 2"), "(10-(3-2))");
  EXPECT_EQ(Grouped("2 * 3 + 4"), "(2*(3+4))");
  EXPECT_EQ(Grouped("A or B or C"), "(Aor(BorC))");
}

TEST(ParserTest, SymbolsBindTighterThanWords) {
  EXPECT_EQ(Grouped("0 and 0 || 1"), "(0and(0||1))");
  EXPECT_EQ(Grouped("A or B xor C and D || E ^^ F && G"), "(Aor(Bxor(Cand(D||(E^^(F&&G))))))");
  EXPECT_EQ(Grouped("A && B ^^ C || D and E xor F or G"), "((((((A&&B)^^C)||D)andE)xorF)orG)");
  EXPECT_EQ(Grouped("not A == B"), "not((A==B))");
  EXPECT_EQ(Grouped("exists X == 1"), "exists((X==1))");
  EXPECT_EQ(Grouped("not exists X && Y"), "(not(exists(X))&&Y)");
  EXPECT_EQ(Grouped("A + 1 == B * 2"), "((A+1)==(B*2))");
}

TEST(ParserTest, PrintsWhatReadsBackTheSame) {
  for (const std::string_view text :
       {"(A or B) or C", "A or B or C", "(1 - 2) - 3", "1 - 2 - 3", "not (not A)", "exists (not A)",
        "(A == B) == C", "size(A or B) + 1", "[1, 'a', 10.0.0.1, Name] == A", "time()",
        "A == \"'\"", "A > 0.00001 and B == 007 and C < 100000000000000000000000.5",
        "(A and B) + (C or D)"}) {
    EXPECT_EQ(Reprinted(text), text);
  }
}

TEST(ParserTest, ErrorsSayWhatWasExpectedAndWhere) {
  EXPECT_EQ(Reprinted("A ==\n  == 1"),
            "parse: line 2, column 3: expected a value: a literal, a name, a call, a list, or an "
            "expression in parentheses; found the operator `==`\n    == 1\n    ^");
  EXPECT_THAT(Reprinted("1 2"), HasSubstr("column 3: expected an operator or the end of the rule; "
                                          "found `2`"));
  EXPECT_THAT(Reprinted("(1"), HasSubstr("column 3: expected an operator or `)`; found the end"));
  EXPECT_THAT(Reprinted("[1, 2"), HasSubstr("expected `,` or `]`"));
  EXPECT_THAT(Reprinted("[]"), HasSubstr("expected an item of the list"));
  EXPECT_THAT(Reprinted("[[1]]"), HasSubstr("expected an item of the list"));
  EXPECT_THAT(Reprinted("žlutý =="), StartsWith("parse: line 1, column 9"));
  EXPECT_THAT(Reprinted(""), HasSubstr("the rule is empty"));
  EXPECT_THAT(Reprinted(" \t\n@"), HasSubstr("the rule is empty"));
  EXPECT_THAT(Reprinted("A or\n ž == \xff"),
              StartsWith("parse: line 2, column 7: the rule is not valid UTF-8"));
}

TEST(ParserTest, ErrorsKnowTheTraps) {
  EXPECT_THAT(Reprinted("info == 1"), HasSubstr("`info` begins with the operator `in`"));
  EXPECT_THAT(Reprinted("A == -1"), HasSubstr("a negative number is written `0 - 1`"));
  EXPECT_THAT(Reprinted("2024-03-05T15:52:22"), HasSubstr("a datetime needs a zone"));
  EXPECT_THAT(Reprinted("size (A)"), HasSubstr("`(` right behind it"));
  EXPECT_THAT(Reprinted("A == \"\""), HasSubstr("an empty text cannot be written"));
  EXPECT_THAT(Reprinted("A == 1 # no comment"), HasSubstr("the language has no comments"));
  EXPECT_THAT(Reprinted("A = 1"),
              HasSubstr("found `1`; `=` before it means nothing and is dropped"));
  EXPECT_THAT(Reprinted("Catégorie == 1"), HasSubstr("`é` before it means nothing"));
  EXPECT_THAT(Reprinted("not not A"), HasSubstr("only once"));
  EXPECT_THAT(Reprinted("exists not A"), HasSubstr("only once"));
  EXPECT_THAT(Reprinted("size(A, 1)"), HasSubstr("one argument at most"));
}

TEST(ParserTest, ShowsOnlyAPartOfALongLine) {
  const std::string error = Reprinted(std::string(1000, ' ') + "1 2" + std::string(1000, ' '));
  EXPECT_LT(error.size(), 400u);
  EXPECT_THAT(error, EndsWith("^"));
}

TEST(ParserTest, DepthIsBounded) {
  const auto nested = [](int depth) {
    return std::string(depth, '(') + "1" + std::string(depth, ')');
  };
  EXPECT_THAT(Parse(nested(200), {}), IsOk());
  EXPECT_THAT(Parse(nested(201), {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("max_depth")));
  EXPECT_THAT(Parse(nested(10'000), {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("max_depth, 200")));
  std::string calls;
  for (int i = 0; i < 10'000; ++i) calls += "size(";
  EXPECT_THAT(Reprinted(calls), HasSubstr("max_depth"));
}

TEST(ParserTest, SizeIsBounded) {
  EXPECT_THAT(Reprinted(std::string(5 << 20, ' ')), HasSubstr("max_bytes"));
  std::string list = "[1";
  for (int i = 0; i < 250'000; ++i) list += ",1";
  EXPECT_THAT(Reprinted(list + "]"), HasSubstr("max_nodes"));
  EXPECT_THAT(Reprinted(std::string(5000, '1')), HasSubstr("more digits than the limit"));
}

TEST(ParserTest, LongChainsAreNoDepth) {
  std::string chain = "A";
  for (int i = 0; i < 50'000; ++i) chain += " or A";
  EXPECT_EQ(Reprinted(chain), chain);
}

TEST(ParserTest, AnyTextIsParsedOrRefused) {
  constexpr std::string_view kPieces[] = {
      "(",   ")",    "[",       "]",     ",",        "A",   "1",        "'x'", "in", "==",
      "or ", "not ", "exists ", "size(", "10.0.0.1", "::1", "00:00:01", "-",   "\"", "."};
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int k = random() % 12; k >= 0; --k)
      text += std::string(kPieces[random() % std::size(kPieces)]) + " ";
    const absl::StatusOr<ParsedRule> rule = Parse(text, {});
    if (!rule.ok()) continue;
    const std::string printed = Print(rule->ast, rule->ast.root);
    EXPECT_EQ(Reprinted(printed), printed) << text;
    EXPECT_EQ(Grouped(printed), Grouped(text)) << text;
  }
}

}  // namespace
}  // namespace mentat::filter
