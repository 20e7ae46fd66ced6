// Completion in a real bash, zsh and fish, against a real controller.

#include "tools/mentatctl/completion_command.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "tools/mentatctl/ctl_fixture.h"

namespace mentat::mentatctl {
namespace {

using testing_support::ChildProcess;

// Read by the interactive zsh: a key that shows the line, and all that was proposed for it.
constexpr char kZshSetup[] = R"(
PROMPT= RPROMPT=
unset zle_bracketed_paste
setopt no_auto_list no_beep
autoload -Uz compinit
if [[ -n $autoloaded ]]; then
  mkdir -p $FOLDER/functions
  mentatctl completion zsh > $FOLDER/functions/_mentatctl
  fpath=($FOLDER/functions $fpath)
fi
compinit -u -D
[[ -n $autoloaded ]] || source <(mentatctl completion zsh)
typeset -ga hits
compadd() {
  if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
    local -a found
    builtin compadd -A found "$@"
    hits+=($found)
  fi
  builtin compadd "$@"
}
show() { print -r -- "<$BUFFER|${(j:,:)hits}>" }
zle -N show
bindkey '^T' show
print -r -- '<ready>'
)";

// Types a line, Tab, and the key that shows it, in a terminal.
constexpr char kZshTerminal[] = R"(
zmodload zsh/zpty || exit 1
zpty shell zsh -f -i
zpty -w shell "source $FOLDER/setup.zsh"
zpty -r shell text '*<ready>*'
zpty -w -n shell "$1"$'\t\x14'
zpty -r shell text '*<*\|*>*'
print -r -- ${${text##*<mentatctl }%%>*}
zpty -d shell
)";

class CompletionCommandTest : public CtlTest {
 protected:
  // What a shell prints when it runs a script, with mentatctl where it is looked for.
  std::string RunIn(const std::string& shell, const std::string& script,
                    const std::string& argument = "") {
    const std::string output = folder() + "/shell.out";
    std::filesystem::remove(output);
    const std::string prepared = absl::StrCat(
        "export PATH=$PWD/tools/mentatctl:$PATH TERM=dumb FOLDER=", folder(),
        " MENTATCTL_CONTROLLER=", has_controller_ ? controller().ports().admin : "127.0.0.1:1",
        "; exec \"$@\"");
    auto process = ChildProcess::Start(
        "/bin/bash", {"-c", prepared, "bash", shell, "-c", script, shell, argument}, output);
    EXPECT_THAT(process, IsOk());
    EXPECT_EQ((*process)->Wait().value(), 0) << (*process)->Output();
    return (*process)->Output();
  }

  // What bash proposes for the last of the words, a line for each.
  std::string InBash(const std::string& words) {
    const std::string script = absl::StrCat(
        "set -e\n"
        "source <(mentatctl completion bash)\n"
        "[[ $(complete -p mentatctl) == 'complete -F _mentatctl mentatctl' ]]\n"
        "COMP_WORDS=(mentatctl ",
        words,
        ")\n"
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
        "_mentatctl\n"
        "printf '%s\\n' \"${COMPREPLY[@]}\"\n");
    return RunIn("bash", script);
  }

  // What a line becomes at the Tab key in an interactive zsh, and what is proposed: `paus` gives
  // `pause |pause`. With `autoloaded` the script stands in a folder of fpath.
  std::string InZsh(const std::string& line, bool autoloaded = false) {
    Write(folder() + "/setup.zsh",
          autoloaded ? absl::StrCat("autoloaded=1\n", kZshSetup) : kZshSetup);
    return RunIn("zsh", kZshTerminal, "mentatctl " + line);
  }

  // What fish proposes, a line for each with what it means.
  std::string InFish(const std::string& line) {
    return RunIn("fish", "mentatctl completion fish | source; complete -C $argv[-1]",
                 "mentatctl " + line);
  }

  // Without `//`, at which shells propose nothing.
  std::string ShortFolder() const {
    return std::filesystem::path(folder()).lexically_normal().string();
  }

  static bool IsInstalled(const char* shell) {
    return std::filesystem::exists(absl::StrCat("/usr/bin/", shell));
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

TEST_F(CompletionCommandTest, ZshKnowsCommandsOptionsAndNames) {
  if (!IsInstalled("zsh")) GTEST_SKIP() << "zsh is not installed: Debian package zsh";
  StartDemos({"one", "two"});
  EXPECT_EQ(InZsh("sta"), "sta|status,start\n");
  EXPECT_EQ(InZsh("paus"), "pause |pause\n");
  EXPECT_EQ(InZsh("config "), "config |view,check,diff\n");
  EXPECT_EQ(InZsh("pause "), "pause |demo,one,two\n");
  EXPECT_EQ(InZsh("pause one t"), "pause one two |two\n");
  EXPECT_EQ(InZsh("log-level demo d"), "log-level demo debug |debug\n");
  EXPECT_EQ(InZsh("--jso"), "--json |--json\n");
  Write(folder() + "/a_file.json", "{}");
  const std::string check = absl::StrCat("config check demo ", ShortFolder(), "/a_");
  EXPECT_EQ(InZsh(check), check + "file.json |a_file.json\n");
  EXPECT_EQ(InZsh("sta", true), "sta|status,start\n") << "the first Tab counts";
}

TEST_F(CompletionCommandTest, FishKnowsCommandsOptionsAndNames) {
  if (!IsInstalled("fish")) GTEST_SKIP() << "fish is not installed: Debian package fish";
  StartDemos({"one", "two"});
  EXPECT_EQ(InFish("statu"), "status\tshows the stages, their instances and what they are doing\n");
  EXPECT_EQ(InFish("pause "), "demo\none\ntwo\n");
  EXPECT_EQ(InFish("pause one t"), "two\n");
  EXPECT_EQ(InFish("log-level demo d"), "debug\n");
  EXPECT_EQ(InFish("--jso"), "--json\tprints JSON, for programs\n");
  Write(folder() + "/a_file.json", "{}");
  EXPECT_EQ(InFish(absl::StrCat("config check demo ", ShortFolder(), "/a_")),
            ShortFolder() + "/a_file.json\n");
}

}  // namespace
}  // namespace mentat::mentatctl
