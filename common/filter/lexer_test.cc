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

// The words, then `!` with the characters that were dropped.
std::string Lexed(std::string_view text) {
  std::string lexed = Words(text);
  for (const DroppedCharacters& dropped : Tokenize(text).dropped) {
    lexed += " !" + std::string(text.substr(dropped.begin, dropped.end - dropped.begin));
  }
  return lexed;
}

struct Row {
  std::string_view text;
  std::string_view lexed;
};

TEST(LexerTest, EverySpellingOfAnOperator) {
  for (const auto& [text, lexed] :
       {Row{"-", "-"},        {"+", "+"},           {"*", "*"},       {"/", "/"},
        {"%", "%"},           {"like", "like"},     {"LIKE", "like"}, {"=~", "like"},
        {"in", "in"},         {"IN", "in"},         {"~~", "in"},     {"is", "is"},
        {"IS", "is"},         {"eq", "=="},         {"EQ", "=="},     {"==", "=="},
        {"ne", "!="},         {"NE", "!="},         {"!=", "!="},     {"<>", "!="},
        {"ge", ">="},         {"GE", ">="},         {">=", ">="},     {"gt", ">"},
        {"GT", ">"},          {">", ">"},           {"le", "<="},     {"LE", "<="},
        {"<=", "<="},         {"lt", "<"},          {"LT", "<"},      {"<", "<"},
        {"or", "or"},         {"OR", "or"},         {"||", "||"},     {"xor", "xor"},
        {"XOR", "xor"},       {"^^", "^^"},         {"and", "and"},   {"AND", "and"},
        {"&&", "&&"},         {"not", "not"},       {"NOT", "not"},   {"!", "not"},
        {"exists", "exists"}, {"EXISTS", "exists"}, {"?", "exists"}}) {
    EXPECT_EQ(Lexed(text), lexed) << text;
  }
}

TEST(LexerTest, OperatorsAreAllSmallOrAllCapitals) {
  for (const std::string_view text :
       {"Like", "lIKE", "In", "iN",  "Is",  "iS",  "Eq",  "eQ",  "Ne",  "Ge",     "Gt",    "Le",
        "Lt",   "Or",   "oR", "Xor", "XoR", "And", "aND", "Not", "nOT", "Exists", "EXIStS"}) {
    EXPECT_EQ(Lexed(text), "VARIABLE:" + std::string(text));
  }
}

TEST(LexerTest, TheFirstAlternativeWinsAndNotTheLongest) {
  for (const auto& [text, lexed] : {// Names that begin with an operator.
                                    Row{"near", "!= VARIABLE:ar"},
                                    {"gear", ">= VARIABLE:ar"},
                                    {"gtk", "> VARIABLE:k"},
                                    {"lexical", "<= VARIABLE:xical"},
                                    {"lte", "< VARIABLE:e"},
                                    {"likely", "like VARIABLE:ly"},
                                    {"equal", "== VARIABLE:ual"},
                                    {"xory", "xor VARIABLE:y"},
                                    {"orx", "or VARIABLE:x"},
                                    {"existsX", "exists VARIABLE:X"},
                                    {"inin", "in in"},
                                    {"notin", "not in"},
                                    {"ORDER", "or VARIABLE:DER"},
                                    {"information(x)", "in FUNCTION:formation( VARIABLE:x )"},
                                    {"notes(x)", "not VARIABLE:es ( VARIABLE:x )"},
                                    // Nothing is torn behind the first character.
                                    {"Source.index", "VARIABLE:Source.index"},
                                    {"Aor.in-is", "VARIABLE:Aor.in-is"},
                                    {"_in", "VARIABLE:_in"},
                                    // Numbers end where no digit follows.
                                    {"1in2", "INTEGER:1 in INTEGER:2"},
                                    {"5gt3", "INTEGER:5 > INTEGER:3"},
                                    {"1.5.2", "FLOAT:1.5 INTEGER:2 !."},
                                    {"1.2.3", "FLOAT:1.2 INTEGER:3 !."},
                                    {"0x1f", "INTEGER:0 VARIABLE:x1f"},
                                    // Symbols.
                                    {"<>=", "!= !="},
                                    {"===", "== !="},
                                    {"!==", "!= !="},
                                    {"|||", "|| !|"},
                                    {"&&&", "&& !&"},
                                    {"^^^", "^^ !^"},
                                    {"~~~", "in !~"},
                                    {"=~~", "like !~"},
                                    {"->", "- >"},
                                    {"<-1", "< - INTEGER:1"}}) {
    EXPECT_EQ(Lexed(text), lexed) << text;
  }
}

TEST(LexerTest, WhatIsDropped) {
  for (const auto& [text, lexed] : {Row{"@", " !@"},
                                    {"A$B", "VARIABLE:A VARIABLE:B !$"},
                                    {"{A}", "VARIABLE:A !{ !}"},
                                    {"#", " !#"},
                                    {".", " !."},
                                    {"..", " !.."},
                                    {":", " !:"},
                                    {"\\", " !\\"},
                                    {"=", " !="},
                                    {"= =", " != !="},
                                    {"&", " !&"},
                                    {"|", " !|"},
                                    {"^", " !^"},
                                    {"~", " !~"},
                                    {"`A`", "VARIABLE:A !` !`"},
                                    {"A\r\nB", "VARIABLE:A VARIABLE:B !\r"},
                                    {"A\fB\vC", "VARIABLE:A VARIABLE:B VARIABLE:C !\f !\v"},
                                    {"A\u00a0B", "VARIABLE:A VARIABLE:B !\u00a0"},
                                    {"žluť", "VARIABLE:lu !ž !ť"},
                                    {"١", " !١"},  // no digit here
                                    {"\"", " !\""},
                                    {"'", " !'"},
                                    {"\"\"", " !\"\""},
                                    {"''", " !''"},
                                    {"\"\"A\"", "TEXT:\"A\" !\""},
                                    {"'A", "VARIABLE:A !'"}}) {
    EXPECT_EQ(Lexed(text), lexed) << text;
  }
  EXPECT_EQ(Lexed(std::string_view("A\0B", 3)), std::string("VARIABLE:A VARIABLE:B !\0", 24));
  EXPECT_EQ(Lexed(" \t\nA \n\t"), "VARIABLE:A");
}

TEST(LexerTest, FormsOfLiterals) {
  for (const auto& [text, lexed] :
       {// Durations: two digits a field.
        Row{"00:00:00", "TIMEDELTA:00:00:00"},
        {"2d01:30:00", "TIMEDELTA:2d01:30:00"},
        {"2|01:30:00", "TIMEDELTA:2|01:30:00"},
        {"123456D01:30:00", "TIMEDELTA:123456D01:30:00"},
        {"01:02:034", "TIMEDELTA:01:02:03 INTEGER:4"},
        {"1:02:03", "IP6:1:02:03"},
        {"123:45:67", "IP6:123:45:67"},
        {"2D1:30:00", "IP6:2D1:30:00"},
        {"D01:30:00", "IP6:D01:30:00"},
        {"2 D01:30:00", "INTEGER:2 IP6:D01:30:00"},
        {"2x01:30:00", "INTEGER:2 VARIABLE:x01 IP6::30:00"},
        {"20:01:10::5", "TIMEDELTA:20:01:10 IP6:::5"},
        // IPv4.
        {"1.2.3.4", "IP4:1.2.3.4"},
        {"999.999.999.999/99", "IP4:999.999.999.999/99"},
        {"1234.1.1.1", "FLOAT:1234.1 FLOAT:1.1 !."},
        {"1.2.3.4/", "IP4:1.2.3.4 /"},
        {"1.2.3.4 /8", "IP4:1.2.3.4 / INTEGER:8"},
        {"1.2.3.4/123", "IP4:1.2.3.4/12 INTEGER:3"},
        {"1.2.3.4/8-9.9.9.9", "IP4:1.2.3.4/8 - IP4:9.9.9.9"},
        {"1.2.3.4-1.2.3", "IP4:1.2.3.4 - FLOAT:1.2 INTEGER:3 !."},
        {"1.2.3.4..5", "IP4:1.2.3.4 INTEGER:5 !.."},
        {"1.2.3.4...5.6.7.8", "IP4:1.2.3.4 IP4:5.6.7.8 !..."},
        {"1.2.3.4 .. 5.6.7.8", "IP4:1.2.3.4 IP4:5.6.7.8 !.."},
        // IPv6: anything of hexadecimal digits with a colon behind the first of them.
        {"::", "IP6:::"},
        {"a:", "IP6:a:"},
        {":a", "VARIABLE:a !:"},
        {"12:34", "IP6:12:34"},
        {"ab:cd", "IP6:ab:cd"},
        {"Face:b00c", "IP6:Face:b00c"},
        {"fade::/1284", "IP6:fade::/128 INTEGER:4"},
        {"::1/", "IP6:::1 /"},
        {"::1-x", "IP6:::1 - VARIABLE:x"},
        {"::1-::2/64", "IP6:::1-::2 / INTEGER:64"},
        {"g::1", "VARIABLE:g IP6:::1"},
        // Datetimes: the zone is mandatory, `T` may be small.
        {"2024-03-05t15:52:22z", "DATETIME:2024-03-05t15:52:22z"},
        {"2024-03-05T15:52:22.123456789-02:30", "DATETIME:2024-03-05T15:52:22.123456789-02:30"},
        {"9999-99-99T99:99:99Z", "DATETIME:9999-99-99T99:99:99Z"},
        {"2024-03-05 15:52:22Z",
         "INTEGER:2024 - INTEGER:03 - INTEGER:05 TIMEDELTA:15:52:22 VARIABLE:Z"},
        {"2024-03-05T15:52:22", "INTEGER:2024 - INTEGER:03 - INTEGER:05 VARIABLE:T15 IP6::52:22"},
        {"2024-03-05T15:52:22+0100",
         "INTEGER:2024 - INTEGER:03 - INTEGER:05 VARIABLE:T15 IP6::52:22 + INTEGER:0100"},
        {"2024-3-05T15:52:22Z",
         "INTEGER:2024 - INTEGER:3 - INTEGER:05 VARIABLE:T15 IP6::52:22 VARIABLE:Z"},
        // Numbers.
        {"00042", "INTEGER:00042"},
        {"1.", "INTEGER:1 !."},
        {".5", "INTEGER:5 !."},
        {"1e5", "INTEGER:1 VARIABLE:e5"},
        {"1.5e5", "FLOAT:1.5 VARIABLE:e5"},
        {"-1", "- INTEGER:1"},
        {"1_000", "INTEGER:1 VARIABLE:_000"}}) {
    EXPECT_EQ(Lexed(text), lexed) << text;
  }
}

TEST(LexerTest, FormsOfNames) {
  for (const auto& [text, lexed] : {Row{"A", "VARIABLE:A"},
                                    {"_CESNET.EventClass", "VARIABLE:_CESNET.EventClass"},
                                    {"Foo._bar", "VARIABLE:Foo VARIABLE:_bar !."},
                                    {"Foo.9", "VARIABLE:Foo INTEGER:9 !."},
                                    {"Foo..Bar", "VARIABLE:Foo VARIABLE:Bar !.."},
                                    {"Foo. Bar", "VARIABLE:Foo VARIABLE:Bar !."},
                                    {"ConnCount-1", "VARIABLE:ConnCount-1"},
                                    {"A-", "VARIABLE:A-"},
                                    {"A - B", "VARIABLE:A - VARIABLE:B"},
                                    {"A[1]", "VARIABLE:A[1]"},
                                    {"A[#]", "VARIABLE:A[#]"},
                                    {"A[-12]", "VARIABLE:A[-12]"},
                                    {"A[007].B-c9[#]", "VARIABLE:A[007].B-c9[#]"},
                                    {"A[1]B[2]C", "VARIABLE:A[1]B[2]C"},
                                    {"A[1][2]", "VARIABLE:A[1] [ INTEGER:2 ]"},
                                    {"A[*]", "VARIABLE:A [ * ]"},
                                    {"A[+1]", "VARIABLE:A [ + INTEGER:1 ]"},
                                    {"A[ 1 ]", "VARIABLE:A [ INTEGER:1 ]"},
                                    {"A[]", "VARIABLE:A [ ]"},
                                    {"A.[1]", "VARIABLE:A [ INTEGER:1 ] !."},
                                    // Functions: three characters, and `(` right behind.
                                    {"ab(", "VARIABLE:ab ("},
                                    {"abc(", "FUNCTION:abc("},
                                    {"_ab(", "FUNCTION:_ab("},
                                    {"a_9(", "FUNCTION:a_9("},
                                    {"abc (", "VARIABLE:abc ("},
                                    {"ab-c(", "VARIABLE:ab-c ("},
                                    {"A.size(", "VARIABLE:A.size ("},
                                    // Texts, and the two signs of one meaning.
                                    {"'a''b'", "TEXT:'a' TEXT:'b'"},
                                    {"'a\"b'", "TEXT:'a\"b'"},
                                    {"\"a'\n'b\"", "TEXT:\"a'\n'b\""},
                                    {"'\\'x", "TEXT:'\\' VARIABLE:x"},
                                    {",;", ", ;"}}) {
    EXPECT_EQ(Lexed(text), lexed) << text;
  }
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
