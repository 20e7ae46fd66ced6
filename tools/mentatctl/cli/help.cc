#include "tools/mentatctl/cli/help.h"

#include <algorithm>
#include <utility>

namespace mentat::mentatctl {
namespace {

constexpr size_t kWidth = 80;
constexpr size_t kMaxNames = 30;  // columns of the names before what they mean

std::string Call(const std::vector<const Command*>& path) {
  std::string call;
  for (const Command* each : path) call += (call.empty() ? "" : " ") + each->name;
  return call;
}

std::string Form(const Argument& argument) {
  if (argument.placeholder.empty()) return argument.name;
  return argument.name + " " + argument.placeholder;
}

std::string InUsage(const Argument& argument) {
  std::string form = Form(argument);
  if (argument.IsRepeated() && !argument.IsOption()) form += "...";
  if (!argument.required) form = "[" + form + "]";
  if (argument.IsRepeated() && argument.IsOption()) form += "...";
  return form;
}

using Names = std::vector<std::pair<std::string, std::string>>;

// Names and what they mean, in two columns; long meanings go on below.
std::string List(const std::string& title, const Names& names) {
  if (names.empty()) return "";
  size_t column = 0;
  for (const auto& [name, _] : names) column = std::max(column, name.size() + 4);
  column = std::min(column, kMaxNames);
  std::string list = "\n" + title + ":\n";
  for (const auto& [name, meaning] : names) {
    std::string line = "  " + name;
    line.resize(std::max(column, line.size() + 2), ' ');
    size_t begin = 0;
    while (begin < meaning.size()) {
      const size_t room = kWidth - std::min(line.size(), kWidth / 2);
      size_t end = meaning.size();
      if (end - begin > room) {
        const size_t blank = meaning.rfind(' ', begin + room);
        if (blank != std::string::npos && blank > begin) end = blank;
      }
      list += line + meaning.substr(begin, end - begin) + "\n";
      line.assign(column, ' ');
      begin = end + 1;
    }
  }
  return list;
}

}  // namespace

std::string UsageLine(const std::vector<const Command*>& path) {
  const Command& command = *path.back();
  std::string usage = Call(path);
  if (!command.commands.empty()) usage += path.size() == 1 ? " [OPTIONS] COMMAND" : " COMMAND";
  if (path.size() == 1) return usage;
  for (const bool options : {false, true}) {
    for (const Argument& argument : command.arguments) {
      if (argument.IsOption() == options) usage += " " + InUsage(argument);
    }
  }
  return usage;
}

std::string Help(const std::vector<const Command*>& path) {
  const Command& command = *path.back();
  const bool is_root = path.size() == 1;
  std::string help = "Usage: " + UsageLine(path) + "\n\n";
  std::string summary = command.summary;
  if (!summary.empty()) summary[0] = static_cast<char>(std::toupper(summary[0]));
  help += summary + ".\n";
  if (!command.description.empty()) help += "\n" + command.description;
  Names commands;
  for (const Command& each : command.commands) commands.emplace_back(each.name, each.summary);
  help += List("Commands", commands);
  Names places;
  Names options;
  for (const Argument& argument : command.arguments) {
    (argument.IsOption() ? options : places).emplace_back(Form(argument), argument.help);
  }
  if (is_root)
    options.emplace_back("-h, --help", "this, or behind a command its help with examples");
  help += List("Arguments", places) + List("Options", options);
  if (!command.examples.empty()) {
    help += command.examples.size() == 1 ? "\nExample:\n" : "\nExamples:\n";
    for (const std::string& example : command.examples) help += "  " + example + "\n";
  }
  if (!is_root) help += "\nOptions of every command: " + path.front()->name + " --help\n";
  return help;
}

}  // namespace mentat::mentatctl
