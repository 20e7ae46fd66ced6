#include "common/filter/pattern_index.h"

#include <random>
#include <string>
#include <vector>

#include "common/filter/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

using ::testing::UnorderedElementsAreArray;

std::vector<Pattern> Compiled(const std::vector<std::string>& texts) {
  std::vector<Pattern> patterns;
  for (const std::string& text : texts) {
    absl::StatusOr<Pattern> pattern = Pattern::Compile(text, {});
    EXPECT_TRUE(pattern.ok()) << text;
    patterns.push_back(*std::move(pattern));
  }
  return patterns;
}

void ExpectAgreement(const std::vector<Pattern>& patterns, const PatternIndex& index,
                     const std::string& text) {
  std::vector<int> expected;
  for (size_t i = 0; i < patterns.size(); ++i) {
    if (patterns[i].Search(text)) expected.push_back(static_cast<int>(i));
  }
  std::vector<int> found;
  index.Find(text, &found);
  EXPECT_THAT(found, UnorderedElementsAreArray(expected)) << text.substr(0, 200);
}

TEST(PatternIndexTest, AgreesWithSearchingOneByOne) {
  const std::vector<std::string> texts = {"abc",
                                          "^abc",
                                          "abc$",
                                          "(?i)ABC",
                                          "a.c",
                                          "a|b",
                                          "b+",
                                          "^$",
                                          "",
                                          "\\bab",
                                          "c\\b",
                                          "[^a]",
                                          "a{2}",
                                          "(?m)^b",
                                          "(?m)a$",
                                          "a(?:b|c)*$",
                                          "\\d+",
                                          "(?s)a.b",
                                          "é",
                                          "\\Aab",
                                          "bc\\Z",
                                          "a?b?c?$",
                                          "x*",
                                          "mark",
                                          "(?i)MARK",
                                          "(?i)mar\u212A",
                                          "mist",
                                          "(?i)mist",
                                          "mİst",
                                          "scan.*printer",
                                          "(?i)scan|mark",
                                          "č",
                                          "(?i)Čscan",
                                          "scanČ",
                                          "(?:scan|print)er",
                                          "[sS]can",
                                          "s.?can",
                                          "(?i)k",
                                          "mar[k\u212A]"};
  const std::vector<Pattern> patterns = Compiled(texts);
  std::mt19937 random(20240305);
  const std::vector<std::string> pieces = {"a", "b", "c",    "A",      "B",       "\n",   " ",
                                           "1", "é", "\r",   "\u212A", "\u0130",  "mark", "MİSt",
                                           "Č", "č", "scan", "SCAN",   "printer", "x"};
  for (const size_t count : {size_t{2}, size_t{8}, texts.size()}) {
    const std::vector<Pattern> some(patterns.begin(), patterns.begin() + count);
    const PatternIndex index(some);
    for (int i = 0; i < 2000; ++i) {
      std::string text;
      for (size_t k = random() % 8; k > 0; --k) text += pieces[random() % pieces.size()];
      ExpectAgreement(some, index, text);
    }
  }
}

TEST(PatternIndexTest, LongTextsAndLargePatterns) {
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i)
    texts.push_back(std::to_string(i) + "x.{0,200}y" + std::to_string(i));
  const std::vector<Pattern> patterns = Compiled(texts);
  const PatternIndex index(patterns);
  std::mt19937 random(20240305);
  for (const size_t size : {size_t{500}, size_t{20'000}}) {
    std::string text;
    while (text.size() < size) text += std::to_string(random() % 40) + "xy"[random() % 2];
    ExpectAgreement(patterns, index, text);
  }
}

}  // namespace
}  // namespace mentat::filter
