// Completion in a real bash, against a real controller.

#include "tools/mentatctl/completion_command.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "tools/mentatctl/ctl_fixture.h"

namespace mentat::mentatctl {
namespace {

using testing_support::ChildProcess;

class CompletionCommandTest : public CtlTest {
 protected:
  // What bash proposes for the last of the words, a line for each.
  std::string InBash(const std::string& words) {
    const std::string script = absl::StrCat(
        "set -e\n"
        "export PATH=$PWD/tools/mentatctl:$PATH MENTATCTL_CONTROLLER=",
        has_controller_ ? controller().ports().admin : "127.0.0.1:1",
        "\nsource <(mentatctl completion bash)\n"
        "[[ $(complete -p mentatctl) == 'complete -F _mentatctl mentatctl' ]]\n"
        "COMP_WORDS=(mentatctl ",
        words,
        ")\n"
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
        "_mentatctl\n"
        "printf '%s\\n' \"${COMPREPLY[@]}\"\n");
    const std::string output = folder() + "/bash.out";
    std::filesystem::remove(output);
    auto bash = ChildProcess::Start("/bin/bash", {"-c", script}, output);
    EXPECT_THAT(bash, IsOk());
    EXPECT_EQ((*bash)->Wait().value(), 0) << (*bash)->Output();
    return (*bash)->Output();
  }
};

TEST_F(CompletionCommandTest, BashKnowsCommandsOptionsAndNames) {
  StartDemos({"one", "two"});
  EXPECT_EQ(InBash("sta"), "status\nstart\n");
  EXPECT_EQ(InBash("config ''"), "view\ncheck\ndiff\n");
  EXPECT_EQ(InBash("pause ''"), "demo\none\ntwo\n");
  EXPECT_EQ(InBash("pause one t"), "two\n");
  EXPECT_EQ(InBash("tail --stage ''"), "demo\n");
  EXPECT_EQ(InBash("log-level demo d"), "debug\n");
  EXPECT_EQ(InBash("reload --ch"), "--check\n");
  EXPECT_EQ(InBash("--jso"), "--json\n");
}

TEST_F(CompletionCommandTest, WithoutAControllerThereAreNoNames) {
  EXPECT_EQ(InBash("pause ''"), "\n");
  EXPECT_EQ(InBash("paus"), "pause\n");
  EXPECT_EQ(Ctl({"completion", "zsh"}).exit_status, 0);
  EXPECT_EQ(Ctl({"completion", "fish"}).exit_status, 0);
  EXPECT_EQ(Ctl({"completion", "tcsh"}).exit_status, 3);
}

}  // namespace
}  // namespace mentat::mentatctl
