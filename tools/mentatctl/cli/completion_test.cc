#include "tools/mentatctl/cli/completion.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::mentatctl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CompletionTest : public testing::Test {
 protected:
  CompletionTest() {
    Command pause{.name = "pause", .summary = "pauses"};
    pause.arguments = {
        {.name = "TARGET", .value = &targets_, .help = "who", .completes = Completes::kTargets},
        {.name = "--stage",
         .value = &stages_,
         .help = "which",
         .placeholder = "NAME",
         .completes = Completes::kStages}};
    Command level{.name = "log-level", .summary = "levels"};
    level.arguments = {
        {.name = "TARGET", .value = &text_, .help = "who", .completes = Completes::kTargets},
        {.name = "LEVEL", .value = &text_, .help = "what", .choices = {"debug", "info"}}};
    Command check{.name = "check", .summary = "checks"};
    check.arguments = {
        {.name = "FILE", .value = &targets_, .help = "what", .completes = Completes::kFiles}};
    root_ = {.name = "mentatctl", .summary = "all"};
    root_.arguments = {{"--controller", &controller_, "where", "HOST:PORT"},
                       {"--json", &json_, "how"}};
    root_.commands = {pause, level, {.name = "config", .summary = "c", .commands = {check}}};
  }

  std::vector<std::string> Texts(const std::vector<std::string>& words) {
    const auto find = [](Completes kind) -> std::vector<std::string> {
      if (kind == Completes::kStages) return {"storage"};
      return {"storage", "storage-2"};
    };
    const Completion completion = Complete(root_, words, find);
    std::vector<std::string> texts;
    for (const Candidate& candidate : completion.candidates) texts.push_back(candidate.text);
    if (completion.files) texts.push_back(":files");
    return texts;
  }

  std::vector<std::string> targets_;
  std::vector<std::string> stages_;
  std::string text_;
  std::string controller_;
  bool json_ = false;
  Command root_;
};

TEST_F(CompletionTest, CommandsAndTheirCommands) {
  EXPECT_THAT(Texts({""}), ElementsAre("pause", "log-level", "config"));
  EXPECT_THAT(Texts({"p"}), ElementsAre("pause"));
  EXPECT_THAT(Texts({"config", ""}), ElementsAre("check"));
  EXPECT_THAT(Texts({"confg", ""}), IsEmpty());
  EXPECT_THAT(Texts({"--json", "l"}), ElementsAre("log-level"));
}

TEST_F(CompletionTest, OptionsOfTheCommandAndOfAll) {
  EXPECT_THAT(Texts({"pause", "--"}), ElementsAre("--stage", "--controller", "--json", "--help"));
  EXPECT_THAT(Texts({"pause", "--s"}), ElementsAre("--stage"));
  EXPECT_THAT(Texts({"--"}), ElementsAre("--controller", "--json", "--help"));
}

TEST_F(CompletionTest, Values) {
  EXPECT_THAT(Texts({"pause", "storage", "st"}), ElementsAre("storage", "storage-2"));
  EXPECT_THAT(Texts({"pause", "--stage", ""}), ElementsAre("storage"));
  EXPECT_THAT(Texts({"pause", "--stage", "=", "s"}), ElementsAre("storage"));
  EXPECT_THAT(Texts({"log-level", "storage", ""}), ElementsAre("debug", "info"));
  EXPECT_THAT(Texts({"log-level", "storage", "debug", ""}), IsEmpty());
  EXPECT_THAT(Texts({"config", "check", ""}), ElementsAre(":files"));
  EXPECT_THAT(Texts({"pause", "--", "--"}), IsEmpty());
}

TEST(CompletionLinesTest, EachShellHasItsForm) {
  const Completion completion{{{"status", "what is: a state"}, {"host:5580", ""}}, true};
  EXPECT_EQ(CompletionLines("bash", completion), "status\nhost:5580\n:files\n");
  EXPECT_EQ(CompletionLines("fish", completion), "status\twhat is: a state\nhost:5580\n:files\n");
  EXPECT_EQ(CompletionLines("zsh", completion), "status:what is: a state\nhost\\:5580\n:files\n");
}

TEST_F(CompletionTest, TheConnectionOfTheLineCounts) {
  Texts({"--controller", "a:1", "pause", ""});
  EXPECT_EQ(controller_, "a:1");
  Texts({"pause", "--controller=b:2", ""});
  EXPECT_EQ(controller_, "b:2");
}

}  // namespace
}  // namespace mentat::mentatctl
