#include "common/idea/json_reader.h"

#include <simdjson.h>

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;
using testing::StartsWith;

// The error that reading the whole text gives, empty if none.
std::string ErrorOf(std::string_view json, size_t max_depth = 32) {
  JsonReader reader(json, max_depth);
  if (reader.Skip()) reader.Finish();
  return reader.error();
}

// The text as one string, or the error.
std::string TextOf(std::string_view json) {
  JsonReader reader(json, 1);
  std::string_view text;
  if (reader.Peek() != JsonReader::Kind::kText || !reader.ReadText(&text) || !reader.Finish()) {
    return "error " + reader.error();
  }
  return std::string(text);
}

TEST(JsonReaderTest, HandsOutWhatStandsThere) {
  JsonReader reader(R"( {"a": [1, -0.50e+1, "x"], "b" : {} , "c":null,"d":true,"e":[]} )", 32);
  std::string_view text;
  ASSERT_EQ(reader.Peek(), JsonReader::Kind::kObject);
  ASSERT_TRUE(reader.Enter());
  ASSERT_TRUE(reader.NextMember(&text));
  EXPECT_EQ(text, "a");
  ASSERT_EQ(reader.Peek(), JsonReader::Kind::kArray);
  ASSERT_TRUE(reader.Enter());
  ASSERT_TRUE(reader.NextItem());
  ASSERT_EQ(reader.Peek(), JsonReader::Kind::kNumber);
  ASSERT_TRUE(reader.ReadNumber(&text));
  EXPECT_EQ(text, "1");
  ASSERT_TRUE(reader.NextItem());
  const JsonReader::Position before = (reader.Peek(), reader.Save());
  ASSERT_TRUE(reader.ReadNumber(&text));
  EXPECT_EQ(text, "-0.50e+1");
  EXPECT_EQ(reader.Since(before), "-0.50e+1");
  reader.Restore(before);
  ASSERT_TRUE(reader.ReadNumber(&text));
  EXPECT_EQ(text, "-0.50e+1");
  ASSERT_TRUE(reader.NextItem());
  ASSERT_EQ(reader.Peek(), JsonReader::Kind::kText);
  ASSERT_TRUE(reader.ReadText(&text));
  EXPECT_EQ(text, "x");
  ASSERT_FALSE(reader.NextItem());
  ASSERT_TRUE(reader.NextMember(&text));
  EXPECT_EQ(text, "b");
  ASSERT_EQ(reader.Peek(), JsonReader::Kind::kObject);
  ASSERT_TRUE(reader.Enter());
  ASSERT_FALSE(reader.NextMember(&text));
  ASSERT_TRUE(reader.NextMember(&text));
  ASSERT_EQ(reader.Peek(), JsonReader::Kind::kNull);
  ASSERT_TRUE(reader.ReadLiteral(JsonReader::Kind::kNull));
  ASSERT_TRUE(reader.NextMember(&text));
  ASSERT_EQ(reader.Peek(), JsonReader::Kind::kTrue);
  ASSERT_TRUE(reader.ReadLiteral(JsonReader::Kind::kTrue));
  ASSERT_TRUE(reader.NextMember(&text));
  ASSERT_TRUE(reader.Skip());
  ASSERT_FALSE(reader.NextMember(&text));
  EXPECT_TRUE(reader.Finish());
}

TEST(JsonReaderTest, UnescapesTexts) {
  EXPECT_EQ(TextOf(R"("")"), "");
  EXPECT_EQ(TextOf(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(TextOf(R"("a\u0000b")"), "a\0b"s);
  EXPECT_EQ(TextOf(R"("\u00e9\u20AC\ud83d\ude00!")"), "é€😀!");
  EXPECT_EQ(TextOf("\"žluťoučký 😀 \x7f\""), "žluťoučký 😀 \x7f");
  EXPECT_EQ(TextOf(R"("a much longer text, and \u0041 in it, then more")"),
            "a much longer text, and A in it, then more");
}

TEST(JsonReaderTest, TextsStayValid) {
  JsonReader reader(R"(["\u0041", "\u0042", "c"])", 1);
  ASSERT_TRUE(reader.Peek() == JsonReader::Kind::kArray && reader.Enter());
  std::vector<std::string_view> texts;
  while (reader.NextItem()) {
    std::string_view text;
    ASSERT_TRUE(reader.Peek() == JsonReader::Kind::kText && reader.ReadText(&text));
    texts.push_back(text);
  }
  EXPECT_THAT(texts, testing::ElementsAre("A", "B", "c"));
}

TEST(JsonReaderTest, ErrorsSayWhereAndWhat) {
  struct Case {
    std::string json;
    const char* error;
  };
  for (const auto& [json, error] : {
           Case{"", "byte 0: the text ends"},
           {"  ", "byte 2: the text ends"},
           {"\xef\xbb\xbf{}", "byte 0: a byte order mark"},
           {"{} x", "byte 3: more after the end"},
           {"{}{}", "byte 2: more after the end"},
           {"{}\0"s, "byte 2: more after the end"},
           {"[1,]", "byte 3: expected a value"},
           {"[,1]", "byte 1: expected a value"},
           {"[1 2]", "byte 3: expected a comma or ]"},
           {"[1", "byte 2: the text ends, expected a comma or ]"},
           {"[", "byte 1: the text ends"},
           {"{\"a\":1,}", "byte 7: expected a key"},
           {"{a:1}", "byte 1: expected a key"},
           {"{'a':1}", "byte 1: expected a key"},
           {"{\"a\" 1}", "byte 5: expected a colon"},
           {"{\"a\":1", "byte 6: the text ends, expected a comma or }"},
           {"{\"a\":}", "byte 5: expected a value"},
           {"{1:1}", "byte 1: expected a key"},
           {"[1}", "byte 2: expected a comma or ]"},
           {"]", "byte 0: expected a value"},
           {"tru", "byte 0: expected true"},
           {"nul]", "byte 0: expected null"},
           {"trUe", "byte 0: expected true"},
           {"NaN", "byte 0: expected a value"},
           {"-", "byte 0: expected a number"},
           {"-x", "byte 0: expected a number"},
           {"01", "byte 1: more after the end"},
           {"[-01]", "byte 3: expected a comma"},
           {"1.", "byte 0: expected a number"},
           {".5", "byte 0: expected a value"},
           {"+1", "byte 0: expected a value"},
           {"1e", "byte 0: expected a number"},
           {"1e+", "byte 0: expected a number"},
           {"0x10", "byte 1: more after the end"},
           {"-Infinity", "byte 0: expected a number"},
           {"\"abc", "byte 4: the text ends within a string"},
           {"\"a\nb\"", "byte 2: control character 0x0a within a string"},
           {"\"abcdefghijk\x1fz\"", "byte 12: control character 0x1f"},
           {"\"a\\x\"", "byte 2: no such escape"},
           {"\"a\\", "byte 3: the text ends within an escape"},
           {"\"\\u12\"", "byte 6: the text ends within an escape"},
           {"\"\\u12x4\"", "byte 5: expected four hexadecimal digits"},
           {"\"\\ud800\"", "byte 1: a high surrogate without"},
           {"\"\\ud800\\n\"", "byte 1: a high surrogate without"},
           {"\"\\ud800\\u0041\"", "byte 1: a high surrogate without"},
           {"\"\\udc00\"", "byte 1: a low surrogate without"},
           {"\"\\udc00\\ud800\"", "byte 1: a low surrogate without"},
           {"\"\xff\"", "byte 1: not UTF-8: 0xff"},
           {"\"abc\x80\"", "byte 4: not UTF-8: 0x80"},
           {"\"\xc0\xaf\"", "byte 1: not UTF-8: 0xc0"},
           {"\"\xe0\x80\xaf\"", "byte 1: not UTF-8: 0xe0"},
           {"\"\xed\xa0\x80\"", "byte 1: not UTF-8: 0xed"},
           {"\"\xf4\x90\x80\x80\"", "byte 1: not UTF-8: 0xf4"},
           {"\"\xf0\x9f\x98\"", "byte 1: not UTF-8: 0xf0"},
           {"\"\xc3", "byte 1: not UTF-8: 0xc3"},
           {"[\"\\u0041\xff\"]", "byte 8: not UTF-8: 0xff"},
           {"\xff", "byte 0: expected a value"},
       }) {
    EXPECT_THAT(ErrorOf(json), StartsWith(error)) << json;
  }
}

TEST(JsonReaderTest, BoundsTheDepth) {
  EXPECT_EQ(ErrorOf("[[[]]]", 3), "");
  EXPECT_THAT(ErrorOf("[[[]]]", 2), StartsWith("byte 2: nested too deep"));
  EXPECT_EQ(ErrorOf("[[],[],[]]", 2), "");
  EXPECT_EQ(ErrorOf(R"({"a":[],"b":{},"c":[{}]})", 3), "");
  EXPECT_THAT(ErrorOf(std::string(100'000, '[')), HasSubstr("32 levels"));
  EXPECT_THAT(ErrorOf(std::string(100'000, '{')), HasSubstr("expected a key"));
}

TEST(JsonReaderTest, SaysNothingMoreAfterAnError) {
  JsonReader reader("[1,x]", 32);
  EXPECT_FALSE(reader.Skip());
  const std::string error = reader.error();
  std::string_view text;
  EXPECT_EQ(reader.Peek(), JsonReader::Kind::kError);
  EXPECT_FALSE(reader.Enter());
  EXPECT_FALSE(reader.NextItem());
  EXPECT_FALSE(reader.NextMember(&text));
  EXPECT_FALSE(reader.ReadText(&text));
  EXPECT_FALSE(reader.ReadNumber(&text));
  EXPECT_FALSE(reader.ReadLiteral(JsonReader::Kind::kNull));
  EXPECT_FALSE(reader.Skip());
  EXPECT_FALSE(reader.Finish());
  EXPECT_EQ(reader.error(), error);
}

TEST(JsonNumberTest, KnowsNumbers) {
  for (const char* text :
       {"0", "-0", "10", "1.50", "1e400", "1E5", "-1.25e-10", "18446744073709551616", "0.0e+0"}) {
    EXPECT_TRUE(IsJsonNumber(text)) << text;
    EXPECT_EQ(ErrorOf(text), "") << text;
  }
  for (const char* text :
       {"", "-", "+1", "01", "1.", ".1", "1e", "1 ", " 1", "0x1", "1e5.5", "--1", "inf", "1,5"}) {
    EXPECT_FALSE(IsJsonNumber(text)) << text;
  }
}

TEST(AppendJsonTextTest, EscapesWhatJsonWantsEscaped) {
  std::string json;
  AppendJsonText("a\"\\/\b\f\n\r\t\x01\x1f\0é😀\x7f"s, &json);
  EXPECT_EQ(json, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u0000é😀\x7f\"");
  EXPECT_EQ(TextOf(json), "a\"\\/\b\f\n\r\t\x01\x1f\0é😀\x7f"s);
}

// Changes texts at random and compares the verdict with simdjson's. Numbers out of the range of a
// double or of 64 bits, which simdjson refuses, do not come up: digits are not inserted.
TEST(JsonReaderTest, AgreesWithSimdjson) {
  const std::vector<std::string> seeds = {
      R"({"a":[1,-2.5e3,true,false,null,"x\n\u00e9\ud83d\ude00"],"b":{"c":{}},"žlu":""})",
      R"([[],[[]],{"k":[{"l":"text of some length to be scanned in steps"}]}, 0 , -0.0 ])",
      "{\"Format\":\"IDEA0\",\"Note\":\"\u00e9\u20ac\U0001F600 and ASCII\"}",
  };
  constexpr std::string_view kInserts = "{}[]\",:\\ \n\tutfn-.eE\x01\x80\xc3\xe2\xf0\xff/xX";
  const unsigned seed = 20240305;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  simdjson::dom::parser parser;
  int valid = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string json = seeds[random() % seeds.size()];
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < changes && !json.empty(); ++i) {
      const size_t at = random() % json.size();
      const char insert = kInserts[random() % kInserts.size()];
      switch (random() % 5) {
        case 0:
          json.erase(at, 1);
          break;
        case 1:
          json.insert(at, 1, insert);
          break;
        case 2:
          json[at] = insert;
          break;
        case 3:
          json.erase(at);
          break;
        default:
          json.insert(at, json.substr(at, random() % 8));
      }
    }
    const bool expected = parser.parse(json).error() == simdjson::SUCCESS;
    const std::string error = ErrorOf(json);
    valid += expected ? 1 : 0;
    ASSERT_EQ(error.empty(), expected) << json << "\n" << error;
  }
  EXPECT_GT(valid, 1000);
}

}  // namespace
}  // namespace mentat::idea
