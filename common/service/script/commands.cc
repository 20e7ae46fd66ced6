#include "common/service/script/commands.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/service/nearest_name.h"

namespace mentat::service {
namespace {

absl::Status UnknownCommand(const std::vector<ScriptCommand>& commands, const std::string& name) {
  std::vector<std::string> known;
  for (const ScriptCommand& each : commands) known.push_back(each.name);
  const std::optional<std::string> nearest = NearestName(name, known);
  return absl::InvalidArgumentError(absl::StrCat("there is no command ", name, "; ",
                                                 nearest.has_value()
                                                     ? absl::StrCat("did you mean ", *nearest, "?")
                                                     : std::string("--help lists them")));
}

}  // namespace

absl::StatusOr<ParsedCommand> ParseCommand(std::string_view program,
                                           const std::vector<ScriptCommand>& commands,
                                           const std::vector<std::string>& words) {
  if (words.empty()) {
    return absl::InvalidArgumentError("a command is missing; --help lists them");
  }
  const auto command =
      std::find_if(commands.begin(), commands.end(),
                   [&words](const ScriptCommand& each) { return each.name == words.front(); });
  if (command == commands.end()) return UnknownCommand(commands, words.front());
  CLI::App app(command->help, absl::StrCat(std::string(program), " ", command->name));
  ParsedCommand parsed = {.name = command->name, .work = command->make(app)};
  try {
    app.parse(std::vector<std::string>(words.rbegin(), std::prev(words.rend())));
  } catch (const CLI::CallForHelp&) {
    parsed.help = app.help();
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(command->name, ": ", error.what()));
  }
  return parsed;
}

std::string CommandsHelp(const std::vector<ScriptCommand>& commands) {
  std::string help = "Commands:\n";
  for (const ScriptCommand& each : commands) {
    absl::StrAppendFormat(&help, "  %-20s %s\n", each.name, each.help);
  }
  return help;
}

absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      if (word.has_value()) words.push_back(*std::exchange(word, std::nullopt));
      continue;
    }
    if (!word.has_value()) word.emplace();
    if (c == '\\' && quote != '\'') {
      if (++i == line.size()) return absl::InvalidArgumentError("nothing follows the backslash");
      *word += line[i];
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (quote == c) {
      quote = 0;
    } else {
      *word += c;
    }
  }
  if (quote != 0)
    return absl::InvalidArgumentError(absl::StrCat("a ", std::string(1, quote), " is not closed"));
  if (word.has_value()) words.push_back(*std::move(word));
  return words;
}

absl::StatusOr<absl::Duration> ParseInterval(const std::string& text) {
  absl::Duration interval;
  if (text == "hourly") {
    interval = absl::Hours(1);
  } else if (text == "daily") {
    interval = absl::Hours(24);
  } else if (text == "weekly") {
    interval = absl::Hours(7 * 24);
  } else if (!absl::ParseDuration(text, &interval) || interval < absl::Milliseconds(100) ||
             interval > absl::Hours(366 * 24)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--interval: expected a time as 10m, 1h30m, hourly or daily, got \"", text, "\""));
  }
  return interval;
}

}  // namespace mentat::service
