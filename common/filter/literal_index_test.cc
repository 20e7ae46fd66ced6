#include "common/filter/literal_index.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int> Counts(const std::vector<std::string>& literals, const std::string& text) {
  std::vector<int> counts(literals.size(), 0);
  LiteralIndex(literals).Find(text, [&](uint32_t number) { ++counts[number]; });
  return counts;
}

TEST(LiteralIndexTest, FindsAllOccurrences) {
  EXPECT_THAT(Counts({"he", "she", "his", "hers", "he"}, "ushers"), ElementsAre(1, 1, 0, 1, 1));
  EXPECT_THAT(Counts({"aa", "a", "b"}, "aaab"), ElementsAre(2, 3, 1));
  EXPECT_THAT(Counts({"ssh", "brute force"}, "SSH Brute Force, ssh"), ElementsAre(2, 1));
  EXPECT_THAT(Counts({"abc"}, ""), ElementsAre(0));
  EXPECT_THAT(Counts({}, "abc"), IsEmpty());
}

TEST(LiteralIndexTest, AgreesWithComparingEverywhere) {
  std::mt19937 random(20240305);
  const auto any_text = [&random](size_t size) {
    std::string text;
    for (; size > 0; --size) text += "abc"[random() % 3];
    return text;
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> literals(random() % 12);
    for (std::string& literal : literals) literal = any_text(1 + random() % 5);
    const std::string text = any_text(random() % 40);
    std::vector<int> expected;
    for (const std::string& literal : literals) {
      int count = 0;
      for (size_t at = 0; at < text.size(); ++at)
        count += text.compare(at, literal.size(), literal) == 0;
      expected.push_back(count);
    }
    ASSERT_EQ(Counts(literals, text), expected) << text;
  }
}

}  // namespace
}  // namespace mentat::filter
