// The tree of commands, without a controller.

#include "tools/mentatctl/commands.h"

#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/mentatctl/cli/help.h"
#include "tools/mentatctl/cli/parse.h"
#include "tools/mentatctl/run.h"

namespace mentat::mentatctl {
namespace {

using testing::HasSubstr;
using Path = std::vector<const Command*>;

// Words as a shell makes them of a line; what stands behind `|`, `<` or `>` is not ours.
std::vector<std::string> Words(const std::string& line) {
  std::vector<std::string> words(1);
  char quote = 0;
  for (const char c : line) {
    if (quote == 0 && (c == '|' || c == '<' || c == '>')) break;
    if (quote == 0 && c == ' ') {
      if (!words.back().empty()) words.emplace_back();
    } else if (c == quote || (quote == 0 && (c == '\'' || c == '"'))) {
      quote = quote == 0 ? c : 0;
    } else {
      words.back() += c;
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

void ForEach(const Path& path, const std::function<void(const Path&)>& look) {
  look(path);
  for (const Command& each : path.back()->commands) {
    Path longer = path;
    longer.push_back(&each);
    ForEach(longer, look);
  }
}

class TreeTest : public testing::Test {
 protected:
  GlobalOptions options_;
  const Command root_ = MakeRootCommand(options_);
};

TEST_F(TreeTest, EveryCommandSaysWhatItDoesAndHasAnExampleThatIsRight) {
  ForEach({&root_}, [this](const Path& path) {
    const std::string usage = UsageLine(path);
    const Command& command = *path.back();
    EXPECT_FALSE(command.summary.empty()) << usage;
    EXPECT_FALSE(command.summary.ends_with(".")) << usage;
    EXPECT_FALSE(command.examples.empty()) << usage;
    EXPECT_EQ(command.run == nullptr, !command.commands.empty()) << usage;
    std::string call;
    for (const Command* each : path) call += each->name + " ";
    for (const std::string& example : command.examples) {
      std::vector<std::string> words = Words(example);
      ASSERT_FALSE(words.empty());
      EXPECT_EQ(words.front(), "mentatctl") << example;
      words.erase(words.begin());
      GlobalOptions options;
      const Parsed parsed = Parse(MakeRootCommand(options), words);
      EXPECT_EQ(parsed.error, "") << example;
    }
  });
}

TEST_F(TreeTest, HelpFitsATerminal) {
  ForEach({&root_}, [](const Path& path) {
    std::istringstream lines(Help(path));
    for (std::string line; std::getline(lines, line);) {
      // An example stands on one line, however long.
      if (line.starts_with("  mentatctl ") || line.starts_with("Usage: ")) continue;
      EXPECT_LE(line.size(), 88u) << line;
    }
  });
}

TEST_F(TreeTest, ArgumentsHaveAFormThatCanBeRead) {
  ForEach({&root_}, [](const Path& path) {
    for (const Argument& argument : path.back()->arguments) {
      EXPECT_FALSE(argument.help.empty()) << argument.name;
      EXPECT_EQ(argument.placeholder.empty(), !argument.IsOption() || argument.IsFlag())
          << argument.name;
    }
  });
}

struct Result {
  int exit_status = -1;
  std::string out;
  std::string err;
};

Result RunWords(const std::vector<std::string>& words) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  const int exit_status = Run(
      words, [](const std::string&) { return ""; }, in, out, err);
  return {exit_status, out.str(), err.str()};
}

TEST(RunTest, HelpIsOnStandardOutput) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--help"}, {"help"}, {"-h"}}) {
    EXPECT_EQ(RunWords(words).exit_status, 0);
    EXPECT_THAT(RunWords(words).out, HasSubstr("Commands:\n  status"));
  }
  EXPECT_EQ(RunWords({"help", "pause"}).out, RunWords({"pause", "--help"}).out);
  EXPECT_THAT(RunWords({"keys", "show", "--help"}).out,
              HasSubstr("Usage: mentatctl keys show PATH..."));
  EXPECT_THAT(RunWords({"--version"}).out, testing::StartsWith("mentatctl "));
}

TEST(RunTest, WrongArgumentsAreToldWithWhatWasMeant) {
  EXPECT_EQ(RunWords({}).exit_status, 3);
  const auto error = [](const std::vector<std::string>& words) {
    const Result result = RunWords(words);
    EXPECT_EQ(result.exit_status, 3);
    EXPECT_EQ(result.out, "");
    return result.err.substr(0, result.err.find('\n'));
  };
  EXPECT_EQ(error({"stauts"}), "mentatctl: unknown command stauts; did you mean status?");
  EXPECT_EQ(error({"keys"}), "mentatctl: one of the commands of keys is missing");
  EXPECT_EQ(error({"keys", "shwo"}), "mentatctl: unknown command shwo; did you mean show?");
  EXPECT_EQ(error({"status", "x"}), "mentatctl: unexpected argument x");
  EXPECT_EQ(error({"status", "--jsno"}), "mentatctl: unknown option --jsno; did you mean --json?");
  EXPECT_EQ(error({"status", "--timeout"}), "mentatctl: --timeout needs a value");
  EXPECT_THAT(error({"status", "--timeout", "soon"}), HasSubstr("--timeout"));
  EXPECT_THAT(error({"keys", "generate"}), HasSubstr("NAME"));
  EXPECT_THAT(error({"pause"}), HasSubstr("a TARGET is missing"));
}

TEST(RunTest, WordsThatAreCommandsElsewhereAreNamesHere) {
  EXPECT_THAT(RunWords({"keys", "show", "status", "keys"}).err, HasSubstr("keys"));
}

}  // namespace
}  // namespace mentat::mentatctl
