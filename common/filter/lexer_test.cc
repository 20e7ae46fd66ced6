#include "common/filter/lexer.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

std::string Kind(const Token& token, std::string_view text) {
  switch (token.kind) {
    case TokenKind::kOperator:
      return std::string(Spelling(token.op));
    case TokenKind::kTimedelta:
      return "TIMEDELTA";
    case TokenKind::kIp4:
      return "IP4";
    case TokenKind::kIp6:
      return "IP6";
    case TokenKind::kDatetime:
      return "DATETIME";
    case TokenKind::kFloat:
      return "FLOAT";
    case TokenKind::kInteger:
      return "INTEGER";
    case TokenKind::kFunction:
      return "FUNCTION";
    case TokenKind::kVariable:
      return "VARIABLE";
    case TokenKind::kText:
      return "TEXT";
    default:
      return std::string(token.In(text));
  }
}

// The kinds of the tokens and, of those with different texts, the texts.
std::string Words(std::string_view text) {
  std::string words;
  for (const Token& token : Tokenize(text).tokens) {
    if (token.kind == TokenKind::kEnd) break;
    const std::string kind = Kind(token, text);
    words += (words.empty() ? "" : " ") + kind;
    if (kind != token.In(text) && token.kind != TokenKind::kOperator) {
      words += ":" + std::string(token.In(text));
    }
  }
  return words;
}

TEST(LexerTest, WordOperatorsNeedNoBoundary) {
  EXPECT_EQ(Words("info"), "in VARIABLE:fo");
  EXPECT_EQ(Words("issue"), "is VARIABLE:sue");
  EXPECT_EQ(Words("network"), "!= VARIABLE:twork");
  EXPECT_EQ(Words("letter"), "<= VARIABLE:tter");
  EXPECT_EQ(Words("order"), "or VARIABLE:der");
  EXPECT_EQ(Words("android"), "and VARIABLE:roid");
  EXPECT_EQ(Words("ISP"), "is VARIABLE:P");
  EXPECT_EQ(Words("INDEX"), "in VARIABLE:DEX");
  EXPECT_EQ(Words("notes == 1"), "not VARIABLE:es == INTEGER:1");
  EXPECT_EQ(Words("Info Note Order Source.index"),
            "VARIABLE:Info VARIABLE:Note VARIABLE:Order VARIABLE:Source.index");
  EXPECT_EQ(Words("1in2"), "INTEGER:1 in INTEGER:2");
  EXPECT_EQ(Words("not1"), "not INTEGER:1");
  EXPECT_EQ(Words("FlowCount==25and 1"), "VARIABLE:FlowCount == INTEGER:25 and INTEGER:1");
  EXPECT_EQ(Words("And Eq Like In"), "VARIABLE:And VARIABLE:Eq VARIABLE:Like VARIABLE:In");
}

TEST(LexerTest, OperatorsHaveManySpellings) {
  EXPECT_EQ(Words("a =~ b ~~ c <> d >= e <= f"),
            "VARIABLE:a like VARIABLE:b in VARIABLE:c != VARIABLE:d >= VARIABLE:e <= VARIABLE:f");
  EXPECT_EQ(Words("|| ^^ && ! ? XOR EXISTS"), "|| ^^ && not exists xor exists");
}

TEST(LexerTest, DropsWhatBeginsNoWord) {
  const TokenList list = Tokenize("@$1 & |\n{2}ž\"");
  EXPECT_EQ(list.tokens.size(), 3u);
  ASSERT_EQ(list.dropped.size(), 5u);
  EXPECT_EQ(list.dropped[0].end, 2u);
  EXPECT_EQ(Words("\"\""), "");
  EXPECT_EQ(Words("\"open"), "VARIABLE:open");
  EXPECT_EQ(Words("Foo._bar"), "VARIABLE:Foo VARIABLE:_bar");
}

TEST(LexerTest, Timedeltas) {
  EXPECT_EQ(Words("01:30:00 2D01:30:00 2|01:30:00 2d99:99:99"),
            "TIMEDELTA:01:30:00 TIMEDELTA:2D01:30:00 TIMEDELTA:2|01:30:00 TIMEDELTA:2d99:99:99");
  EXPECT_EQ(Words("20:01:10::5"), "TIMEDELTA:20:01:10 IP6:::5");
  EXPECT_EQ(Words("1:2:3"), "IP6:1:2:3");
}

TEST(LexerTest, Addresses) {
  EXPECT_EQ(Words("10.0.0.1 10.0.0.0/8 10.0.0.1-10.0.0.9 10.0.0.1..10.0.0.9"),
            "IP4:10.0.0.1 IP4:10.0.0.0/8 IP4:10.0.0.1-10.0.0.9 IP4:10.0.0.1..10.0.0.9");
  EXPECT_EQ(Words("10.0.0.1 - 10.0.0.9"), "IP4:10.0.0.1 - IP4:10.0.0.9");
  EXPECT_EQ(Words("1.2.3.4567"), "IP4:1.2.3.456 INTEGER:7");
  EXPECT_EQ(Words("1.2.3.4/333"), "IP4:1.2.3.4/33 INTEGER:3");
  EXPECT_EQ(Words("::1 2001:db8::/32 ::1-::f ::1..::f 12:34 ab:cd"),
            "IP6:::1 IP6:2001:db8::/32 IP6:::1-::f IP6:::1..::f IP6:12:34 IP6:ab:cd");
  EXPECT_EQ(Words("::ffff:1.2.3.4"), "IP6:::ffff:1 FLOAT:2.3 INTEGER:4");
  EXPECT_EQ(Words("1:"), "IP6:1:");
  EXPECT_EQ(Words(":"), "");
}

TEST(LexerTest, DatetimesAndNumbers) {
  EXPECT_EQ(Words("2024-03-05T15:52:22Z 2024-03-05t15:52:22.5+01:00"),
            "DATETIME:2024-03-05T15:52:22Z DATETIME:2024-03-05t15:52:22.5+01:00");
  EXPECT_EQ(Words("2024-03-05"), "INTEGER:2024 - INTEGER:03 - INTEGER:05");
  EXPECT_EQ(Words("3.14 007 1. .5"), "FLOAT:3.14 INTEGER:007 INTEGER:1 INTEGER:5");
  EXPECT_EQ(Words("1e5"), "INTEGER:1 VARIABLE:e5");
}

TEST(LexerTest, NamesAndFunctions) {
  EXPECT_EQ(Words("ConnCount-1"), "VARIABLE:ConnCount-1");
  EXPECT_EQ(Words("Source[1].IP4[#] A[-1] B[*]"),
            "VARIABLE:Source[1].IP4[#] VARIABLE:A[-1] VARIABLE:B [ * ]");
  EXPECT_EQ(Words("Source[1]IP4"), "VARIABLE:Source[1]IP4");
  EXPECT_EQ(Words("size(x)"), "FUNCTION:size( VARIABLE:x )");
  EXPECT_EQ(Words("size (x)"), "VARIABLE:size ( VARIABLE:x )");
  EXPECT_EQ(Words("ab(x)"), "VARIABLE:ab ( VARIABLE:x )");
}

TEST(LexerTest, TextsLoseTheirQuotes) {
  EXPECT_EQ(Words("'a\nb'"), "TEXT:'a\nb'");
  EXPECT_EQ(TextContent("'say \"x\"'"), "say x");
  EXPECT_EQ(TextContent("\"a\\d+b\""), "a\\d+b");
}

TEST(LexerTest, TellsTornNames) {
  const std::string_view text = "info in x";
  const TokenList list = Tokenize(text);
  EXPECT_TRUE(IsTorn(text, list.tokens[0]));
  EXPECT_EQ(TornName(text, list.tokens[0]), "info");
  EXPECT_FALSE(IsTorn(text, list.tokens[2]));
}

}  // namespace
}  // namespace mentat::filter
