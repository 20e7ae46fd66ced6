#include "common/filter/format.h"

#include <string>
#include <string_view>

#include "common/base/status_matchers.h"
#include "common/filter/parser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

using testing::HasSubstr;

// The rule laid out; it must read back as the same tree and stay as it is.
std::string Formatted(std::string_view text, size_t width = kFormatWidth) {
  const absl::StatusOr<std::string> formatted = FormatRule(text, {}, width);
  if (!formatted.ok()) return std::string(formatted.status().message());
  const absl::StatusOr<ParsedRule> before = Parse(text, {});
  const absl::StatusOr<ParsedRule> after = Parse(*formatted, {});
  EXPECT_THAT(after, IsOk());
  if (after.ok()) {
    EXPECT_EQ(Print(after->ast, after->ast.root), Print(before->ast, before->ast.root));
  }
  const absl::StatusOr<std::string> again = FormatRule(*formatted, {}, width);
  EXPECT_THAT(again, IsOk());
  if (again.ok()) {
    EXPECT_EQ(*again, *formatted);
  }
  return *formatted;
}

TEST(FormatTest, OneLineWhereItFits) {
  EXPECT_EQ(Formatted("Category   in\n[\"Test\" ;'Other' ]AND\tnot exists(Note)"),
            "Category in ['Test', 'Other'] and not exists Note");
  EXPECT_EQ(Formatted("A =~ 'x' || B ~~ [1] && ! C"), "A like 'x' || B in [1] && not C");
  EXPECT_EQ(Formatted("(A EQ 007) OR (B ne 0.00001)"), "A == 007 or B != 0.00001");
}

TEST(FormatTest, ParenthesesShowHowItGroups) {
  EXPECT_EQ(Formatted("10 - 3 - 2"), "10 - (3 - 2)");
  EXPECT_EQ(Formatted("2 * 3 + 4"), "2 * (3 + 4)");
  EXPECT_EQ(Formatted("(2 * 3) + 4"), "(2 * 3) + 4");
  EXPECT_EQ(Formatted("1 + 2 + 3"), "1 + 2 + 3");
  EXPECT_EQ(Formatted("1 < 2 < 3"), "1 < (2 < 3)");
  EXPECT_EQ(Formatted("0 and 0 || 1"), "0 and (0 || 1)");
  EXPECT_EQ(Formatted("A or B and C"), "A or B and C");
  EXPECT_EQ(Formatted("A || B && C"), "A || B && C");
  EXPECT_EQ(Formatted("A or B xor C"), "A or (B xor C)");
  EXPECT_EQ(Formatted("not A == 1"), "not (A == 1)");
  EXPECT_EQ(Formatted("not exists A == 1"), "not exists (A == 1)");
  EXPECT_EQ(Formatted("not (not A)"), "not (not A)");
  EXPECT_EQ(Formatted("(DetectTime - EventTime) > 00:10:00"), "DetectTime - EventTime > 00:10:00");
}

TEST(FormatTest, TextsKeepTheirContent) {
  EXPECT_EQ(Formatted("A == \"say 'x'\""), "A == 'say x'");
  EXPECT_EQ(Formatted("A == \"'\""), "A == \"'\"");
  EXPECT_EQ(Formatted("A like 'a\\d ž\n  b' or B"), "A like 'a\\d ž\n  b'\nor B");
}

TEST(FormatTest, AChainHasALineForEachOperand) {
  EXPECT_EQ(Formatted("Category in ['Attempt.Login'] and Target.Port in [22, 23] and not exists "
                      "Target.Anonymised and ConnCount > 100",
                      40),
            "Category in ['Attempt.Login']\n"
            "and Target.Port in [22, 23]\n"
            "and not exists Target.Anonymised\n"
            "and ConnCount > 100");
  EXPECT_EQ(
      Formatted("Node.Name == 'a' or Category in ['Attempt.Login'] and Target.Port in [22, 23] "
                "or ConnCount > 100",
                40),
      "Node.Name == 'a'\n"
      "or (\n"
      "  Category in ['Attempt.Login']\n"
      "  and Target.Port in [22, 23]\n"
      ")\n"
      "or ConnCount > 100");
  EXPECT_EQ(Formatted("not (Category in ['Attempt.Login'] and Target.Port in [22, 23])", 40),
            "not (\n"
            "  Category in ['Attempt.Login']\n"
            "  and Target.Port in [22, 23]\n"
            ")");
  EXPECT_EQ(Formatted("ConnCount + FlowCount + PacketCount + ByteCount > 1000", 40),
            "ConnCount\n"
            "+ FlowCount\n"
            "+ PacketCount\n"
            "+ ByteCount > 1000");
}

TEST(FormatTest, LongListsAreFilled) {
  EXPECT_EQ(
      Formatted("Source.IP4 in [192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4] and ConnCount", 30),
      "Source.IP4 in [\n"
      "  192.0.2.1, 192.0.2.2,\n"
      "  192.0.2.3, 192.0.2.4\n"
      "]\n"
      "and ConnCount");
  EXPECT_EQ(Formatted("size([1, 2, 3, 4, 5]) > 1", 12),
            "size(\n"
            "  [\n"
            "    1, 2, 3,\n"
            "    4, 5\n"
            "  ]\n"
            ") > 1");
}

TEST(FormatTest, WhatCannotBeBrokenSticksOut) {
  EXPECT_EQ(Formatted("Description == 'a long text that stays as it is' and A", 20),
            "Description == 'a long text that stays as it is'\nand A");
}

TEST(FormatTest, WhatWouldBeLostIsRefused) {
  EXPECT_THAT(Formatted("A == 1 # Why"),
              HasSubstr("the language has no comments: a `#` is dropped"));
  EXPECT_THAT(Formatted("A == 1 #\nand B"), HasSubstr("parse: line 1, column 8: this means nothing "
                                                      "here and formatting would lose it"));
  EXPECT_EQ(Formatted("A == 1\r\nand B\r\n"), "A == 1 and B");
  EXPECT_THAT(Formatted("A =="), HasSubstr("found the end of the rule"));
}

TEST(FormatTest, LargeRulesStayReadable) {
  // Helpful parentheses would nest deeper than the language allows.
  std::string minus = "A";
  std::string mixed = "A";
  for (int i = 0; i < 20'000; ++i) {
    minus += " - A";
    mixed += i % 2 == 0 ? " xor A" : " and A == 1";
  }
  EXPECT_EQ(Formatted(minus), minus);
  Formatted(mixed);
  std::string deep = "A";
  for (int i = 0; i < 200; ++i) deep = "(" + deep + " or A) and A == " + std::to_string(i);
  Formatted(deep);
}

TEST(FormatTest, ExpressionsOfACompiledRuleOnOneLine) {
  const ParsedRule rule = Parse("A in ['x'\n,'y'] or 10 - 3 - 2", {}).value();
  EXPECT_EQ(FormatLine(rule.ast, rule.ast.root), "A in ['x', 'y'] or 10 - (3 - 2)");
}

}  // namespace
}  // namespace mentat::filter
