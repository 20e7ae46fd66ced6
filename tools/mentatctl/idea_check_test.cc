#include "tools/mentatctl/idea_check.h"

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::mentatctl {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kGood =
    R"({"Format":"IDEA0","ID":"x","DetectTime":"2024-03-05 15:52:22Z","Category":["Test"]})";

struct Checked {
  int status;
  std::vector<std::string> lines;
};

Checked Check(const std::string& events, bool normalize, const idea::Limits& limits = {}) {
  std::istringstream in(events);
  std::stringstream out;
  Checked checked;
  checked.status = IdeaCheck(in, out, normalize, limits);
  for (std::string line; std::getline(out, line);) checked.lines.push_back(line);
  return checked;
}

TEST(IdeaCheckTest, SaysOfEachEventWhetherItIsValid) {
  const Checked checked =
      Check(std::string(kGood) + "\n\n \r\n{\"Format\":5}\nx\n" + std::string(kGood), false);
  EXPECT_EQ(checked.status, 1);
  ASSERT_EQ(checked.lines.size(), 4);
  EXPECT_EQ(checked.lines[0], R"({"ok":true})");
  EXPECT_THAT(checked.lines[1],
              StartsWith(R"({"ok":false,"errors":[{"path":"Format","message":"got 5, expected the )"
                         R"(text \"IDEA0\""},{"path":"Category","message":"missing, expected )"));
  EXPECT_THAT(
      checked.lines[2],
      StartsWith(R"({"ok":false,"errors":[{"path":"","message":"byte 0: expected a value)"));
  EXPECT_EQ(checked.lines[3], R"({"ok":true})");
}

TEST(IdeaCheckTest, IsContentWithGoodEventsAlone) {
  EXPECT_EQ(Check(std::string(kGood) + "\n", false).status, 0);
  EXPECT_EQ(Check("", false).status, 0);
  EXPECT_TRUE(Check("\n\n", false).lines.empty());
}

TEST(IdeaCheckTest, PrintsTheNormalisedEventAndWarnings) {
  const Checked checked =
      Check(R"({"Format":"IDEA0","ID":"x","DetectTime":0,"Category":[],"Own":1.50})", true);
  EXPECT_EQ(checked.status, 0);
  ASSERT_EQ(checked.lines.size(), 1);
  EXPECT_THAT(checked.lines[0],
              StartsWith(R"({"ok":true,"warnings":[{"path":"DetectTime","message":"got 0, read )"));
  EXPECT_THAT(checked.lines[0],
              HasSubstr(R"("event":{"Category":[],"DetectTime":"1970-01-01T00:00:00Z",)"
                        R"("Format":"IDEA0","ID":"x","Own":1.50}})"));
}

TEST(IdeaCheckTest, BoundsTheLengthOfALine) {
  idea::Limits limits;
  limits.max_bytes = kGood.size();
  const std::string good(kGood);
  const Checked checked =
      Check(good + "\n" + good + " \n" + good + "\n" + std::string(100'000, 'x'), false, limits);
  EXPECT_EQ(checked.status, 1);
  ASSERT_EQ(checked.lines.size(), 4);
  EXPECT_EQ(checked.lines[0], R"({"ok":true})");
  EXPECT_THAT(checked.lines[1], HasSubstr("got a line of more than"));
  EXPECT_EQ(checked.lines[2], R"({"ok":true})");
  EXPECT_THAT(checked.lines[3], HasSubstr("got a line of more than"));
}

TEST(IdeaCheckTest, FailsWhenItCannotWrite) {
  std::istringstream in{std::string(kGood)};
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(IdeaCheck(in, out, false), 1);
}

}  // namespace
}  // namespace mentat::mentatctl
