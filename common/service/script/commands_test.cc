#include "common/service/script/commands.h"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::service {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(SplitWordsTest, TakesWordsAsAShellDoes) {
  EXPECT_THAT(*SplitWords("  one two\tthree "), ElementsAre("one", "two", "three"));
  EXPECT_THAT(*SplitWords("'one two' thr\"e \"e"), ElementsAre("one two", "thre e"));
  EXPECT_THAT(*SplitWords(R"(a\ b "c\"d" 'e\f' '')"), ElementsAre("a b", "c\"d", "e\\f", ""));
  EXPECT_THAT(*SplitWords(""), IsEmpty());
  EXPECT_THAT(SplitWords("'open"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not closed")));
  EXPECT_THAT(SplitWords("end\\"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("backslash")));
}

TEST(ParseIntervalTest, TakesTimesAndNames) {
  EXPECT_EQ(*ParseInterval("10m"), absl::Minutes(10));
  EXPECT_EQ(*ParseInterval("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseInterval("hourly"), absl::Hours(1));
  EXPECT_EQ(*ParseInterval("daily"), absl::Hours(24));
  EXPECT_EQ(*ParseInterval("weekly"), absl::Hours(168));
  for (const char* wrong : {"", "10", "0", "0s", "-1m", "1ms", "inf", "soon", "100000h"}) {
    EXPECT_THAT(ParseInterval(wrong),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--interval: expected")))
        << wrong;
  }
}

class ParseCommandTest : public testing::Test {
 protected:
  // The command's output, its help, or what is wrong.
  std::string Do(const std::vector<std::string>& words) const {
    const absl::StatusOr<ParsedCommand> parsed = ParseCommand("script", commands_, words);
    if (!parsed.ok()) return std::string(parsed.status().message());
    if (!parsed->help.empty()) return parsed->help;
    std::ostringstream out;
    ScriptRun run = {.stop = {}, .out = out, .result = {}};
    EXPECT_THAT(parsed->work(run), IsOk());
    return out.str();
  }

  const std::vector<ScriptCommand> commands_ = {
      {"greet", "says something",
       [](CLI::App& app) -> ScriptWork {
         auto times = std::make_shared<int>(1);
         auto name = std::make_shared<std::string>();
         app.add_option("--times", *times, "how often");
         app.add_option("NAME", *name, "whom")->required();
         return [times, name](ScriptRun& run) {
           for (int i = 0; i < *times; ++i) run.out << "hello " << *name << "\n";
           return absl::OkStatus();
         };
       }},
      {"nothing", "does nothing",
       [](CLI::App&) -> ScriptWork { return [](ScriptRun&) { return absl::OkStatus(); }; }}};
};

TEST_F(ParseCommandTest, RunsWhatTheWordsSay) {
  EXPECT_EQ(Do({"greet", "you"}), "hello you\n");
  EXPECT_EQ(Do({"greet", "--times", "2", "you"}), "hello you\nhello you\n");
  EXPECT_EQ(Do({"greet", "me"}), "hello me\n") << "values of one run are gone in the next";
}

TEST_F(ParseCommandTest, SaysWhatIsWrong) {
  EXPECT_THAT(Do({}), HasSubstr("a command is missing"));
  EXPECT_THAT(Do({"gret"}), HasSubstr("did you mean greet?"));
  EXPECT_THAT(Do({"greet"}), AllOf(HasSubstr("greet: "), HasSubstr("NAME")));
  EXPECT_THAT(Do({"greet", "you", "--time", "2"}), HasSubstr("greet: "));
  EXPECT_THAT(Do({"greet", "you", "--times", "x"}), HasSubstr("--times"));
  EXPECT_THAT(Do({"nothing", "more"}), HasSubstr("more"));
}

TEST_F(ParseCommandTest, HelpsWithEachCommand) {
  EXPECT_THAT(Do({"greet", "--help"}), AllOf(HasSubstr("script greet"), HasSubstr("how often"),
                                             HasSubstr("says something")));
  EXPECT_THAT(CommandsHelp(commands_), AllOf(HasSubstr("greet"), HasSubstr("does nothing")));
}

}  // namespace
}  // namespace mentat::service
