// docs/mentatctl.md names every command and every option, and none that there is not.

#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/mentatctl/commands.h"

namespace mentat::mentatctl {
namespace {

using testing::Contains;
using testing::IsSupersetOf;
using Names = std::set<std::string>;
using Cells = std::vector<std::string>;

// What stands in backquotes.
std::vector<std::string> Spans(const std::string& text) {
  std::vector<std::string> spans;
  const std::vector<std::string> parts = absl::StrSplit(text, '`');
  for (size_t i = 1; i < parts.size(); i += 2) spans.push_back(parts[i]);
  return spans;
}

class DocsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file("docs/mentatctl.md");
    std::ostringstream text;
    text << file.rdbuf();
    page_ = text.str();
    ASSERT_FALSE(page_.empty());
  }

  // The rows of the table whose head begins like this.
  std::vector<Cells> Table(const std::string& head) const {
    std::vector<Cells> rows;
    const size_t start = page_.find("\n" + head);
    EXPECT_NE(start, std::string::npos) << "no table " << head;
    std::istringstream lines(page_.substr(start == std::string::npos ? page_.size() : start + 1));
    for (std::string line; std::getline(lines, line) && line.starts_with("|");) {
      rows.push_back(absl::StrSplit(line, '|'));
    }
    rows.erase(rows.begin(), rows.begin() + std::min<size_t>(rows.size(), 2));
    return rows;
  }

  std::string page_;
  GlobalOptions options_;
  const Command root_ = MakeRootCommand(options_);
};

// `keys generate`, or `status` where there is nothing below.
Names CommandNames(const Command& root) {
  Names names;
  for (const Command& command : root.commands) {
    if (command.commands.empty()) names.insert(command.name);
    for (const Command& each : command.commands) {
      names.insert(absl::StrCat(command.name, " ", each.name));
    }
  }
  return names;
}

TEST_F(DocsTest, NamesEveryCommandAndNoOther) {
  Names top;
  for (const Command& command : root_.commands) top.insert(command.name);
  Names named;
  for (const Cells& row : Table("| command | what it does |")) {
    std::string group;  // in `keys generate`, `show` the second is of `keys`, too
    for (const std::string& span : Spans(row.at(1))) {
      const std::pair<std::string, std::string> words =
          absl::StrSplit(span, absl::MaxSplits(' ', 1));
      if (!words.second.empty()) group = words.first;
      named.insert(!words.second.empty() || top.contains(span) || group.empty()
                       ? span
                       : absl::StrCat(group, " ", span));
    }
  }
  EXPECT_EQ(named, CommandNames(root_));
}

// Those of a command and all below it.
Names OptionNames(const Command& command) {
  Names names;
  for (const Argument& argument : command.arguments) {
    if (argument.IsOption()) names.insert(argument.name);
  }
  for (const Command& each : command.commands) names.merge(OptionNames(each));
  return names;
}

TEST_F(DocsTest, NamesEveryOptionOfEveryCommandAndNoOther) {
  std::map<std::string, Names> named;
  for (const Cells& row : Table("| option | of |")) {
    for (const std::string& command : Spans(row.at(2))) {
      for (const std::string& option : Spans(row.at(1))) named[command].insert(option);
    }
  }
  Names all;
  for (const Command& command : root_.commands) {
    const Names options = OptionNames(command);
    EXPECT_THAT(named[command.name], IsSupersetOf(options)) << command.name;
    EXPECT_EQ(named[command.name].empty(), options.empty()) << command.name;
    all.insert(options.begin(), options.end());
  }
  for (const auto& [command, options] : named) {
    EXPECT_THAT(CommandNames(root_),
                Contains(testing::AnyOf(command, testing::StartsWith(command + " "))));
    for (const std::string& option : options) EXPECT_THAT(all, Contains(option)) << command;
  }
}

TEST_F(DocsTest, NamesEveryOptionThatAllCommandsHave) {
  Names named;
  for (const Cells& row : Table("| option | variable |")) {
    for (const std::string& span : Spans(row.at(1))) {
      named.insert(std::string(span.substr(0, span.find(' '))));
    }
  }
  Names options;
  for (const Argument& argument : root_.arguments) options.insert(argument.name);
  EXPECT_EQ(named, options);
}

}  // namespace
}  // namespace mentat::mentatctl
