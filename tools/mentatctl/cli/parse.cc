#include "tools/mentatctl/cli/parse.h"

#include <algorithm>
#include <map>
#include <optional>

#include "CLI/CLI.hpp"
#include "common/service/nearest_name.h"

namespace mentat::mentatctl {
namespace {

using Nodes = std::map<const CLI::App*, const Command*>;

void AddArgument(CLI::App& app, const Argument& argument) {
  CLI::Option* option = nullptr;
  if (const auto* flag = std::get_if<bool*>(&argument.value)) {
    option = app.add_flag(argument.name, **flag);
  } else if (const auto* text = std::get_if<std::string*>(&argument.value)) {
    option = app.add_option(argument.name, **text);
  } else if (const auto* texts = std::get_if<std::vector<std::string>*>(&argument.value)) {
    option = app.add_option(argument.name, **texts);
  } else if (const auto* number = std::get_if<uint32_t*>(&argument.value)) {
    option = app.add_option(argument.name, **number);
  } else if (const auto* real = std::get_if<std::optional<double>*>(&argument.value)) {
    option = app.add_option(argument.name, **real);
  }
  // `--stage a b` is one stage and a word of its own.
  if (argument.IsOption()) option->allow_extra_args(false);
  option->required(argument.required);
}

// The global arguments are each command's too, so that they may stand anywhere.
void AddCommand(CLI::App& app, const Command& command, const Command& root, Nodes& nodes) {
  nodes[&app] = &command;
  app.require_subcommand(0, 1);
  for (const Argument& argument : command.arguments) AddArgument(app, argument);
  if (&command != &root) {
    for (const Argument& argument : root.arguments) AddArgument(app, argument);
  }
  for (const Command& each : command.commands) {
    AddCommand(*app.add_subcommand(each.name, each.summary), each, root, nodes);
  }
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& known) {
  const std::optional<std::string> nearest = service::NearestName(word, known);
  return nearest.has_value() ? "; did you mean " + *nearest + "?" : "";
}

// What is wrong with words that no argument takes.
std::string Unexpected(const std::string& word, const Command& command, const Command& root) {
  std::vector<std::string> known;
  if (word.starts_with("-")) {
    for (const Command* each : {&command, &root}) {
      for (const Argument& argument : each->arguments) {
        if (argument.IsOption()) known.push_back(argument.name);
      }
    }
    return "unknown option " + word + DidYouMean(word, known);
  }
  if (command.commands.empty()) return "unexpected argument " + word;
  for (const Command& each : command.commands) known.push_back(each.name);
  return "unknown command " + word + DidYouMean(word, known);
}

}  // namespace

Parsed Parse(const Command& root, std::vector<std::string> words) {
  CLI::App app;
  app.set_help_flag("-h,--help");
  Nodes nodes;
  AddCommand(app, root, root, nodes);
  Parsed parsed;
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    parsed.help = true;
  } catch (const CLI::ArgumentMismatch& error) {
    // `--limit: 1 required UINT missing`
    const std::string message = error.what();
    parsed.error = message.substr(0, message.find(':')) + " needs a value";
  } catch (const CLI::ParseError& error) {
    parsed.error = error.what();
  }
  const CLI::App* deepest = &app;
  parsed.path.push_back(&root);
  while (!deepest->get_subcommands().empty()) {
    deepest = deepest->get_subcommands().front();
    parsed.path.push_back(nodes.at(deepest));
  }
  if (parsed.help) return parsed;
  const Command& command = *parsed.path.back();
  if (const auto left = app.remaining(/*recurse=*/true); !left.empty()) {
    parsed.error = Unexpected(left.front(), command, root);
  } else if (parsed.error.empty() && !command.run && &command != &root) {
    parsed.error = "one of the commands of " + command.name + " is missing";
  }
  return parsed;
}

}  // namespace mentat::mentatctl
