// Every kind of text that RFC 8259 accepts, refuses or leaves open, against verdicts that were
// found in other ways than the reader's: regular expressions, arithmetic on code points, counting.
#include <re2/re2.h>
#include <simdjson.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/idea/codec.h"
#include "common/idea/codec_test_util.h"
#include "common/idea/json_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;
using testing::StartsWith;

// The error that reading the whole text gives, empty if none.
std::string ErrorOf(std::string_view json) {
  JsonReader reader(json, kMaxDepth);
  if (reader.Skip()) reader.Finish();
  return reader.error();
}

bool Accepts(std::string_view json) { return ErrorOf(json).empty(); }

std::string Quoted(std::string_view content) { return "\"" + std::string(content) + "\""; }

// All texts of the length over the alphabet.
template <typename Function>
void ForEachText(std::string_view alphabet, size_t length, const Function& function) {
  std::vector<size_t> digits(length, 0);
  std::string text(length, alphabet[0]);
  while (true) {
    function(text);
    size_t i = 0;
    for (; i < length; ++i) {
      digits[i] = (digits[i] + 1) % alphabet.size();
      text[i] = alphabet[digits[i]];
      if (digits[i] != 0) break;
    }
    if (i == length) return;
  }
}

// The character as UTF-8 by the arithmetic of RFC 3629, surrogates and all.
std::string Utf8(uint32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

// ---- Section 6: numbers.

TEST(Rfc8259Test, NumbersAreThoseOfTheGrammar) {
  const RE2 grammar(R"(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?)");
  int accepted = 0;
  for (size_t length = 1; length <= 6; ++length) {
    ForEachText("019-+.eE", length, [&](const std::string& text) {
      const bool expected = RE2::FullMatch(text, grammar);
      ASSERT_EQ(Accepts(text), expected) << text;
      ASSERT_EQ(IsJsonNumber(text), expected) << text;
      accepted += expected ? 1 : 0;
    });
  }
  EXPECT_GT(accepted, 6000);
}

TEST(Rfc8259Test, OtherNumbersAreNone) {
  for (const std::string& text :
       {"NaN"s,  "nan"s,   "Infinity"s, "-Infinity"s,    "inf"s, "0x1F"s, "0b1"s,
        "0o7"s,  "1_000"s, "1,000"s,    "1 000"s,        "1e"s,  "1f"s,   "1.0L"s,
        "0.e1"s, "-.5"s,   "\xd9\xa1"s, "\xef\xbc\x91"s, "1/2"s, "1%"s,   "- 1"s,
        "-NaN"s, "--1"s,   "1-1"s,      "1\0"s,          "\0"s}) {
    EXPECT_FALSE(Accepts(text)) << text;
    EXPECT_FALSE(Accepts("[" + text + "]")) << text;
  }
}

// What other readers round, overflow or refuse is kept as it was written.
TEST(Rfc8259Test, NumbersHaveNoBounds) {
  for (const std::string& number :
       {std::string(100'000, '9'), "-" + std::string(100'000, '9'),
        "0." + std::string(100'000, '0') + "1", "1e" + std::string(1000, '9'),
        "1e-" + std::string(1000, '9'), "123." + std::string(50'000, '1') + "E+0001"s, "-0.0e-0"s,
        "1.7976931348623157e308"s, "1.7976931348623159e308"s, "4.9e-324"s, "2e-324"s,
        "9007199254740993"s, "0.1000000000000000055511151231257827"s}) {
    const auto value = ParseValue("[" + number + "]");
    ASSERT_THAT(value, IsOk()) << number.substr(0, 60);
    EXPECT_EQ(PrintValue(*value), "[" + number + "]");
    const Parsed parsed = Parse(EventWith("\"Own\":" + number));
    ASSERT_TRUE(parsed.ok);
    EXPECT_THAT(PrintEvent(parsed.event), HasSubstr("\"Own\":" + number));
  }
}

// ---- Section 7: strings.

TEST(Rfc8259Test, EscapesAreThoseOfTheGrammar) {
  for (int c = 0; c < 256; ++c) {
    const std::string text = Quoted("\\"s + static_cast<char>(c));
    const bool expected =
        std::string_view("\"\\/bfnrt").find(static_cast<char>(c)) != std::string_view::npos;
    EXPECT_EQ(Accepts(text), expected) << c;
  }
  EXPECT_FALSE(Accepts(R"("\")"));
  EXPECT_FALSE(Accepts(R"("\\\")"));
  EXPECT_FALSE(Accepts(R"("\U0041")"));
  EXPECT_FALSE(Accepts(R"("\x41")"));
  EXPECT_FALSE(Accepts(R"("\'")"));
}

TEST(Rfc8259Test, HexadecimalDigitsAreFour) {
  for (size_t position = 0; position < 4; ++position) {
    for (int c = 0; c < 256; ++c) {
      std::string digits = "0041";
      digits[position] = static_cast<char>(c);
      const bool expected =
          (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      EXPECT_EQ(Accepts(Quoted("\\u" + digits)), expected) << digits;
    }
  }
  for (const char* text : {R"("\u")", R"("\u0")", R"("\u00")", R"("\u004")", R"("\u004 1")",
                           R"("\u+041")", R"("\u-041")", R"("\u0x41")", R"("\u 041")"}) {
    EXPECT_FALSE(Accepts(text)) << text;
  }
}

TEST(Rfc8259Test, EscapedUnitsAreTheirCharacters) {
  constexpr std::string_view kDigits = "0123456789aBcDeF";
  for (uint32_t unit = 0; unit < 0x10000; ++unit) {
    std::string escape = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) escape.push_back(kDigits[unit >> shift & 15]);
    const auto value = ParseValue(Quoted(escape));
    const bool surrogate = unit >= 0xd800 && unit <= 0xdfff;
    ASSERT_EQ(value.ok(), !surrogate) << escape;
    if (surrogate) continue;
    ASSERT_EQ(value->text(), Utf8(unit)) << escape;
  }
}

TEST(Rfc8259Test, SurrogatesComeInPairs) {
  const auto escape = [](uint32_t unit) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) text.push_back(kDigits[unit >> shift & 15]);
    return text;
  };
  for (uint32_t high = 0xd800; high < 0xdc00; high += 0x1f) {
    for (uint32_t low = 0xdc00; low < 0xe000; low += 0x1d) {
      const auto value = ParseValue(Quoted(escape(high) + escape(low)));
      ASSERT_THAT(value, IsOk());
      ASSERT_EQ(value->text(), Utf8(0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00)));
    }
  }
  EXPECT_EQ(ParseValue(Quoted("\\ud800\\udc00"))->text(), "\xf0\x90\x80\x80");
  EXPECT_EQ(ParseValue(Quoted("\\udbff\\udfff"))->text(), "\xf4\x8f\xbf\xbf");
  for (const char* text :
       {R"("\ud800")", R"("\udbff")", R"("\udc00")", R"("\udfff")", R"("\ud800a")", R"("\ud800\n")",
        R"("\ud800\u0041")", R"("\ud800\ud800")", R"("\ud800\ud800\udc00")", R"("\udc00\ud800")",
        R"("\ud800\udbff")", R"("\ud800\ue000")", R"("\ud800\u")", R"("\ud800\udc0")",
        R"("\ud800\udc0g")", R"("\ud800 \udc00")", R"({"\ud800":1})", R"({"\udc00":1})"}) {
    EXPECT_FALSE(Accepts(text)) << text;
    EXPECT_FALSE(Parse(EventWith("\"Own\":[" + std::string(text) + "]")).ok) << text;
  }
}

TEST(Rfc8259Test, ControlCharactersAreEscaped) {
  for (int c = 0; c < 0x100; ++c) {
    if (c == '"' || c == '\\' || c >= 0x80) continue;
    const std::string byte(1, static_cast<char>(c));
    EXPECT_EQ(Accepts(Quoted(byte)), c >= 0x20) << c;
    EXPECT_EQ(Accepts(Quoted("a text of some length " + byte + " and more")), c >= 0x20) << c;
    EXPECT_EQ(Accepts("{" + Quoted(byte) + ":1}"), c >= 0x20) << c;
    EXPECT_EQ(Accepts(Quoted("\\n" + byte)), c >= 0x20) << c;
  }
}

// ---- Section 8.1: UTF-8.

// Whether the bytes are one character, by the number that they stand for.
bool IsOneCharacter(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  uint32_t code = 0;
  if (bytes.size() == 1) return lead < 0x80;
  if (bytes.size() == 2 && (lead & 0xe0) == 0xc0)
    code = lead & 0x1f;
  else if (bytes.size() == 3 && (lead & 0xf0) == 0xe0)
    code = lead & 0x0f;
  else if (bytes.size() == 4 && (lead & 0xf8) == 0xf0)
    code = lead & 0x07;
  else
    return false;
  for (size_t i = 1; i < bytes.size(); ++i) {
    if ((at(i) & 0xc0) != 0x80) return false;
    code = code << 6 | (at(i) & 0x3f);
  }
  // Not in more bytes than needed, no surrogate, within Unicode.
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) && Utf8(code) == bytes;
}

TEST(Rfc8259Test, SequencesOfBytesAreUtf8) {
  // Those within a sequence that matter: the edges of what may follow.
  constexpr std::array<int, 12> kEdges = {0x20, 0x7f, 0x80, 0x81, 0x8f, 0x90,
                                          0x9f, 0xa0, 0xbf, 0xc0, 0xf5, 0xff};
  int accepted = 0;
  const auto check = [&](const std::string& bytes) {
    const bool expected = IsOneCharacter(bytes);
    accepted += expected ? 1 : 0;
    ASSERT_EQ(Accepts(Quoted(bytes)), expected) << testing::PrintToString(bytes);
  };
  for (int first = 0x80; first < 0x100; ++first) {
    check({static_cast<char>(first)});
    for (int second = 0x80; second < 0x100; ++second) {
      check({static_cast<char>(first), static_cast<char>(second)});
      if (first < 0xe0) continue;
      for (const int third : kEdges) {
        // A plain character after two bytes is another character.
        if (third < 0x80) continue;
        check({static_cast<char>(first), static_cast<char>(second), static_cast<char>(third)});
        if (first < 0xf0) continue;
        for (const int fourth : kEdges) {
          if (fourth < 0x80) continue;
          check({static_cast<char>(first), static_cast<char>(second), static_cast<char>(third),
                 static_cast<char>(fourth)});
        }
      }
    }
  }
  EXPECT_GT(accepted, 5000);
}

// The reader looks at eight bytes at a time.
TEST(Rfc8259Test, BrokenSequencesAreFoundAtEveryOffset) {
  for (const std::string& broken : {"\x80"s,
                                    "\xbf"s,
                                    "\xc0\x80"s,
                                    "\xc1\xbf"s,
                                    "\xc3"s,
                                    "\xe0\x80\x80"s,
                                    "\xe0\x9f\xbf"s,
                                    "\xe2\x82"s,
                                    "\xed\xa0\x80"s,
                                    "\xed\xbf\xbf"s,
                                    "\xf0\x80\x80\x80"s,
                                    "\xf0\x8f\xbf\xbf"s,
                                    "\xf0\x9f\x98"s,
                                    "\xf4\x90\x80\x80"s,
                                    "\xf5\x80\x80\x80"s,
                                    "\xf8\x88\x80\x80\x80"s,
                                    "\xfe"s,
                                    "\xff"s,
                                    "\xed\xa0\xbd\xed\xb8\x80"s,
                                    "\xc0\xa2"s}) {
    for (size_t before = 0; before < 20; ++before) {
      for (const size_t after : {0, 1, 7, 8, 20}) {
        const std::string text =
            Quoted(std::string(before, 'a') + broken + std::string(after, 'b'));
        EXPECT_THAT(ErrorOf(text),
                    StartsWith("byte " + std::to_string(before + 1) + ": not UTF-8"));
        EXPECT_FALSE(Accepts("{" + text + ":1}"));
      }
    }
  }
  for (const char* character :
       {"é", "€", "\xef\xbf\xbf", "\xef\xbb\xbf", "😀", "\xf4\x8f\xbf\xbf"}) {
    for (size_t before = 0; before < 20; ++before) {
      EXPECT_TRUE(Accepts(Quoted(std::string(before, 'a') + character + "b")));
    }
  }
}

TEST(Rfc8259Test, ByteOrderMarksAndOtherEncodingsAreRefused) {
  EXPECT_THAT(ErrorOf("\xef\xbb\xbf{}"), StartsWith("byte 0: a byte order mark"));
  EXPECT_THAT(ErrorOf("\xef\xbb\xbf"), StartsWith("byte 0: a byte order mark"));
  EXPECT_THAT(ErrorOf(" \xef\xbb\xbf{}"), StartsWith("byte 1: expected a value"));
  EXPECT_THAT(ErrorOf("\xef\xbb"), StartsWith("byte 0: expected a value"));
  EXPECT_FALSE(Accepts("\xfe\xff\0{\0}"s));
  EXPECT_FALSE(Accepts("\xff\xfe{\0}\0"s));
  EXPECT_FALSE(Accepts("{\0}\0"s));
  EXPECT_FALSE(Accepts("\0{\0}"s));
  // Within a string it is a character.
  EXPECT_TRUE(Accepts("\"\xef\xbb\xbf\""));
}

// ---- Sections 2 to 5: structure.

TEST(Rfc8259Test, BlanksAreFour) {
  for (int c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const bool expected = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    EXPECT_EQ(Accepts(byte + "{}"), expected) << c;
    EXPECT_EQ(Accepts("{}" + byte), expected) << c;
    // A digit would be a part of the numbers.
    if (c >= '0' && c <= '9') continue;
    EXPECT_EQ(Accepts("{" + byte + "\"a\"" + byte + ":" + byte + "[" + byte + "1" + byte + "," +
                      byte + "2" + byte + "]" + byte + "}"),
              expected)
        << c;
  }
  for (const char* blank : {"\xc2\xa0", "\xe2\x80\xa8", "\xe2\x81\xa0", "\xe3\x80\x80"}) {
    EXPECT_FALSE(Accepts(blank + "{}"s)) << blank;
  }
}

TEST(Rfc8259Test, AnyValueIsAText) {
  for (const char* text : {"null", "true", "false", "0", "\"\"", "[]", "{}", " [ ] ", "[[]]",
                           "[{}]", "{\"\":{}}", "{\"a\":1,\"b\":2}", "[null,true,false]"}) {
    EXPECT_TRUE(Accepts(text)) << text;
  }
}

// All short texts of the characters of structure, by another reader's verdict.
TEST(Rfc8259Test, StructureIsThatOfTheGrammar) {
  simdjson::dom::parser parser;
  int accepted = 0;
  for (size_t length = 1; length <= 6; ++length) {
    ForEachText("[]{},:1q", length, [&](const std::string& letters) {
      std::string text;
      for (const char c : letters) text += c == 'q' ? "\"a\"" : std::string(1, c);
      // Keys that are there twice are another matter.
      const bool expected = parser.parse(text).error() == simdjson::SUCCESS;
      accepted += expected ? 1 : 0;
      ASSERT_EQ(Accepts(text), expected) << text;
    });
  }
  EXPECT_GT(accepted, 40);
}

TEST(Rfc8259Test, WhatOtherReadersTolerateIsRefused) {
  for (const std::string& text : {"[1,]"s,       "[,1]"s,
                                  "[1,,2]"s,     "[,]"s,
                                  "{,}"s,        "{\"a\":1,}"s,
                                  "{,\"a\":1}"s, "{\"a\"}"s,
                                  "{\"a\":}"s,   "{\"a\" 1}"s,
                                  "{\"a\"::1}"s, "{:1}"s,
                                  "{1:1}"s,      "{null:1}"s,
                                  "{a:1}"s,      "{'a':1}"s,
                                  "['a']"s,      "[\"a\" \"b\"]"s,
                                  "[1 2]"s,      "[1;2]"s,
                                  "(1)"s,        "[1}"s,
                                  "{\"a\":1]"s,  "]"s,
                                  "}"s,          "[]]"s,
                                  "{}}"s,        "[][]"s,
                                  "{}{}"s,       "1 2"s,
                                  "null null"s,  "truefalse"s,
                                  "True"s,       "TRUE"s,
                                  "nul"s,        "nulll"s,
                                  "Null"s,       "None"s,
                                  "undefined"s,  "tru\xc3\xa9"s,
                                  "/**/[]"s,     "[]// x"s,
                                  "# x\n[]"s,    "[1 /* x */]"s,
                                  "\"a"s,        "a\""s,
                                  "\"a\"b"s,     "'"s,
                                  "\\"s,         "\\u0041"s,
                                  "[\\n]"s,      "\"\n\""s,
                                  "{}\0"s,       "\0{}"s,
                                  "[\0]"s,       "{\"a\":1}\x1a"s,
                                  "[]\x0b"s,     "&quot;"s,
                                  "<null>"s,     "@"s,
                                  "*"s,          "+1"s,
                                  "=1"s,         "[...]"s}) {
    EXPECT_FALSE(Accepts(text)) << testing::PrintToString(text);
    EXPECT_FALSE(ParseValue(text).ok()) << testing::PrintToString(text);
    v1::Event event;
    std::vector<Problem> problems;
    EXPECT_FALSE(ParseEvent(text, {}, &event, &problems));
  }
}

// The RFC leaves open what becomes of them; here they are an error wherever they stand.
TEST(Rfc8259Test, DuplicateKeysAreRefusedAtEveryLevel) {
  for (const char* text :
       {R"({"a":1,"a":1})", R"({"a":1,"\u0061":1})", R"({"a":1,"b":2,"a":3})", R"([{"":1,"":2}])",
        R"({"x":{"a":{"b":[],"b":[]}}})", "{\"\xc3\xa9\":1,\"\\u00e9\":2}"}) {
    EXPECT_TRUE(Accepts(text)) << text;
    EXPECT_THAT(ParseValue(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("the key is there more than once")));
  }
  // Not the same: another case, another composition of the letter.
  EXPECT_THAT(ParseValue(R"({"a":1,"A":1})"), IsOk());
  EXPECT_THAT(ParseValue(R"({"\u00e9":1,"e\u0301":1})"), IsOk());
}

// ---- Size.

TEST(Rfc8259Test, DepthIsBoundedHoweverItIsMade) {
  constexpr size_t kMany = 100'000;
  std::string objects;
  for (size_t i = 0; i < kMany; ++i) objects += "{\"a\":";
  std::string mixed;
  for (size_t i = 0; i < kMany / 2; ++i) mixed += "[{\"a\":";
  const std::string arrays(kMany, '[');
  for (const auto& [text, byte] : {std::pair(arrays, kMaxDepth),
                                   {arrays + std::string(kMany, ']'), kMaxDepth},
                                   {objects, kMaxDepth * 5},
                                   {objects + "1" + std::string(kMany, '}'), kMaxDepth * 5},
                                   {mixed, kMaxDepth * 3}}) {
    EXPECT_EQ(ErrorOf(text), "byte " + std::to_string(byte) +
                                 ": nested too deep, expected 32 levels of objects and arrays at "
                                 "most");
    EXPECT_FALSE(ParseValue(text).ok());
    v1::Event event;
    std::vector<Problem> problems;
    EXPECT_FALSE(ParseEvent(text, {}, &event, &problems));
    EXPECT_FALSE(ParseEvent(EventWith("\"Own\":" + text), {}, &event, &problems));
    EXPECT_FALSE(ParseEvent(EventWith("\"Source\":" + text), {}, &event, &problems));
    EXPECT_FALSE(ParseEvent(EventWith("\"Note\":" + text), {}, &event, &problems));
  }
  EXPECT_THAT(ErrorOf(std::string(kMany, ']')), StartsWith("byte 0: expected a value"));
  EXPECT_THAT(ErrorOf(std::string(kMany, '{')), StartsWith("byte 1: expected a key"));
  EXPECT_FALSE(Accepts(std::string(kMany, '"')));
  EXPECT_FALSE(Accepts(std::string(kMany, ',')));
  EXPECT_FALSE(Accepts("[" + std::string(kMany, ',') + "]"));
  // Beside each other they are no depth.
  std::string wide = "[[]";
  for (size_t i = 1; i < kMany; ++i) wide += ",[]";
  EXPECT_TRUE(Accepts(wide + "]"));
}

// Each beginning of an event is refused, at a place within it.
TEST(Rfc8259Test, TruncatedEventsAreRefused) {
  const std::string json =
      EventWith(R"("Confidence":-0.5e+1,"Note":"\u00e9\ud83d\ude00é😀","Source":[{"Port":[22]},)"
                R"({"Own":{"a":[null,true,false]}}])");
  v1::Event event;
  std::vector<Problem> problems;
  for (size_t size = 0; size < json.size(); ++size) {
    const std::string text = json.substr(0, size);
    SCOPED_TRACE(text);
    EXPECT_FALSE(Accepts(text));
    ASSERT_FALSE(ParseEvent(text, {}, &event, &problems));
    // Whatever else was wrong, the last problem says where it ends.
    size_t byte = json.size();
    EXPECT_TRUE(RE2::PartialMatch(problems.back().message, R"(^byte (\d+): )", &byte))
        << problems.back().message;
    EXPECT_LE(byte, size);
    EXPECT_LE(size - byte, 11);  // `\ud83d\ude0`
  }
}

TEST(Rfc8259Test, LargeTextsAreReadUpToTheLimits) {
  const Limits limits;
  const auto note = [&](size_t size) {
    const std::string around = EventWith("\"Note\":\"\"");
    return EventWith("\"Note\":\"" + std::string(size - around.size(), 'x') + "\"");
  };
  v1::Event event;
  std::vector<Problem> problems;
  ASSERT_EQ(note(limits.max_bytes).size(), limits.max_bytes);
  EXPECT_TRUE(ParseEvent(note(limits.max_bytes), limits, &event, &problems));
  EXPECT_FALSE(ParseEvent(note(limits.max_bytes + 1), limits, &event, &problems));
  EXPECT_EQ(Describe(problems), "got 5242881 bytes, expected 5242880 at most");

  // What is escaped and what is not, to the last byte.
  std::string escapes;
  while (escapes.size() < 4'000'000) escapes += "\\u00e9\\n\\ud83d\\ude00x";
  EXPECT_TRUE(ParseEvent(EventWith("\"Note\":\"" + escapes + "\""), limits, &event, &problems));

  const auto items = [](size_t count) {
    std::string list = "1";
    for (size_t i = 1; i < count; ++i) list += ",1";
    return list;
  };
  for (const char* key : {"\"Own\":[", "\"Source\":[{\"Port\":["}) {
    const std::string end = key[1] == 'O' ? "]" : "]}]";
    EXPECT_TRUE(ParseEvent(EventWith(key + items(100'000) + end), limits, &event, &problems));
    EXPECT_FALSE(ParseEvent(EventWith(key + items(100'001) + end), limits, &event, &problems));
    EXPECT_THAT(Describe(problems), HasSubstr("[100001]: a list with more items"));
  }

  std::string keys;
  for (int i = 0; i < 200'000; ++i) keys += "\"key" + std::to_string(i) + "\":" + "0,";
  EXPECT_TRUE(ParseEvent(EventWith(keys), limits, &event, &problems));
  EXPECT_EQ(event.unknown_size(), 200'000);
  EXPECT_FALSE(ParseEvent(EventWith(keys + "\"key7\":0"), limits, &event, &problems));
  EXPECT_EQ(Describe(problems), "key7: the key is there more than once, expected it once");

  // However much is wrong, so much is told of it.
  std::string sources = "0";
  for (int i = 1; i < 90'000; ++i) sources += ",0";
  EXPECT_FALSE(ParseEvent(EventWith("\"Source\":[" + sources + "]"), limits, &event, &problems));
  EXPECT_EQ(problems.size(), limits.max_problems + 1);
  EXPECT_EQ(problems.back().message, "and 89900 more problems");
}

}  // namespace
}  // namespace mentat::idea
