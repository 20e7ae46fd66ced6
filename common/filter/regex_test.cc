#include "common/filter/regex.h"

#include <string>
#include <string_view>

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

using testing::HasSubstr;

bool Search(std::string_view pattern, std::string_view text) {
  const absl::StatusOr<Pattern> compiled = Pattern::Compile(pattern, {});
  EXPECT_THAT(compiled, IsOk()) << pattern;
  return compiled.ok() && compiled->Search(text);
}

TEST(RegexTest, SearchesUnanchored) {
  EXPECT_TRUE(Search("brute", "SSH brute force"));
  EXPECT_FALSE(Search("^brute", "SSH brute force"));
  EXPECT_FALSE(Search("BRUTE", "SSH brute force"));
  EXPECT_TRUE(Search("(?i)BRUTE", "SSH brute force"));
  EXPECT_TRUE(Search("\\?x=[0-9]$", "http://phish.example.com/login?x=1"));
}

TEST(RegexTest, AnchorsAreThoseOfPython) {
  EXPECT_TRUE(Search("a$", "a"));
  EXPECT_TRUE(Search("a$", "a\n"));
  EXPECT_FALSE(Search("a$", "a\nb"));
  EXPECT_FALSE(Search("a\\Z", "a\n"));
  EXPECT_TRUE(Search("(?m)a$", "a\nb"));
  EXPECT_TRUE(Search("(?m)^b", "a\nb"));
  EXPECT_TRUE(Search("(?m:^b)", "a\nb"));
  EXPECT_FALSE(Search("a.b", "a\nb"));
  EXPECT_TRUE(Search("(?s)a.b", "a\nb"));
}

TEST(RegexTest, ClassesAreUnicode) {
  EXPECT_TRUE(Search("^\\w+$", "žluťoučký_1"));
  EXPECT_FALSE(Search("(?a)^\\w+$", "žluťoučký"));
  EXPECT_TRUE(Search("^\\d$", "٣"));
  EXPECT_TRUE(Search("^\\s$", "\u00a0"));
  EXPECT_FALSE(Search("\\S", "\u3000"));
  EXPECT_FALSE(Search("\\W", "ž"));
  EXPECT_FALSE(Search("[\\W]", "ž"));
  EXPECT_TRUE(Search("[\\W1]", "1"));
  EXPECT_FALSE(Search("[^\\w]", "ž"));
  EXPECT_TRUE(Search("[\\D]", "x"));
  EXPECT_TRUE(Search("(?i)ŽLUŤ", "žluť"));
  EXPECT_TRUE(Search("^.$", "ž"));
}

TEST(RegexTest, BracesAndBracketsAreReadAsPythonDoes) {
  EXPECT_TRUE(Search("^a{2}$", "aa"));
  EXPECT_TRUE(Search("^a{,2}$", ""));
  EXPECT_FALSE(Search("^a{,2}$", "aaa"));
  EXPECT_TRUE(Search("^a{x}$", "a{x}"));
  EXPECT_TRUE(Search("^{}$", "{}"));
  EXPECT_TRUE(Search("^[]x]+$", "]x"));
  EXPECT_TRUE(Search("^[a-]$", "-"));
  EXPECT_TRUE(Search("^[[:alpha:]]$", "a]"));
  EXPECT_TRUE(Search("^[\\b]$", "\b"));
}

TEST(RegexTest, GroupsFlagsAndEscapes) {
  EXPECT_TRUE(Search("(?P<x>a|b)c", "bc"));
  EXPECT_TRUE(Search("a(?#comment)b", "ab"));
  EXPECT_TRUE(Search("(?x) a b # c", "ab"));
  EXPECT_TRUE(Search("(?i)(?s)A.", "a\n"));
  EXPECT_TRUE(Search("a(?i:B)", "ab"));
  EXPECT_FALSE(Search("(?i)a(?-i:B)", "ab"));
  EXPECT_TRUE(Search("\\x41\\u0042\\103\\0", std::string_view("ABC\0", 4)));
  EXPECT_TRUE(Search("\\.\\-\\/", ".-/"));
}

TEST(RegexTest, RefusesWhatTheEngineCannotDo) {
  for (const std::string_view pattern :
       {"(?=a)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?P<x>a)(?P=x)", "(?>a)", "a++",
        "(a)?(?(1)b)", "[^\\W_]", "a{1001}", "\\N{DIGIT ONE}"}) {
    EXPECT_THAT(Pattern::Compile(pattern, {}),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("pattern")))
        << pattern;
  }
  EXPECT_THAT(
      Pattern::Compile("ab(?=c)", {}),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("look-around before character 6")));
}

TEST(RegexTest, RefusesBadPatterns) {
  for (const std::string_view pattern :
       {"(",      ")",    "a)",    "[",     "[a",      "*",      "a**",      "a|*",
        "^*",     "\\",   "\\y",   "\\Q",   "\\p{L}",  "a{2,1}", "(?P<1>a)", "(?P<a>x)(?P<a>y)",
        "(?i",    "(?z)", "a(?i)", "[b-a]", "[a-\\d]", "\\x1",   "\\ud800",  "(?#",
        "(?<a>b)"}) {
    EXPECT_THAT(Pattern::Compile(pattern, {}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bad pattern")))
        << pattern;
  }
}

TEST(RegexTest, IsBounded) {
  EXPECT_THAT(Pattern::Compile(std::string(5000, 'a'), {}),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("max_regex_bytes")));
  EXPECT_THAT(Pattern::Compile("((\\w{1000}){30})", {.max_regex_memory = 1 << 20}),
              StatusIs(absl::StatusCode::kUnimplemented, testing::_));
  // Exponential for an engine that backtracks.
  EXPECT_FALSE(Search("^(a+)+$", std::string(5000, 'a') + "b"));
}

}  // namespace
}  // namespace mentat::filter
