#include "common/service/command_line.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/service/nearest_name.h"

namespace mentat::service {
namespace {

using Action = CommandLine::Action;

enum class For { kAll, kServices, kScripts };

struct Flag {
  For programs;
  std::string_view name;
  std::string_view value;  // name of its value in the help; empty for a switch
  std::string_view help;
  std::function<void(CommandLine&, const std::string&)> apply;
};

const std::vector<Flag>& Flags() {
  static const auto& flags = *new std::vector<Flag>{
      {For::kAll, "--config", "FILE", "configuration file, JSON with # and // comment lines",
       [](CommandLine& line, const std::string& value) { line.config_file = value; }},
      {For::kAll, "--config-dir", "DIR",
       "directory of overrides, its *.json and *.json.conf in order of name",
       [](CommandLine& line, const std::string& value) { line.config_dir = value; }},
      {For::kAll, "--set", "KEY=VALUE", "overrides one key, as pipeline.workers=4; may be repeated",
       [](CommandLine& line, const std::string& value) { line.sets.push_back(value); }},
      {For::kAll, "--instance-id", "NAME",
       "name of this instance; the same as --set service.instance=NAME",
       [](CommandLine& line, const std::string& value) {
         line.sets.push_back(absl::StrCat("service.instance=", value));
       }},
      {For::kServices, "--daemon", "",
       "runs in the background; the same as --set service.process.daemon=true",
       [](CommandLine& line, const std::string&) {
         line.sets.push_back("service.process.daemon=true");
       }},
      {For::kScripts, "--command", "NAME",
       "the command, by a flag; its arguments follow the flags, behind --",
       [](CommandLine& line, const std::string& value) { line.words = {value}; }},
      {For::kScripts, "--interval", "TIME",
       "runs the command again and again, as 10m, 1h30m, hourly or daily say, until it is told to "
       "end",
       [](CommandLine& line, const std::string& value) { line.interval = value; }},
      {For::kScripts, "--shell", "", "reads commands from the terminal, one a line",
       [](CommandLine& line, const std::string&) { line.shell = true; }},
      {For::kAll, "--config-view", "",
       "prints the effective configuration with its origins, and exits",
       [](CommandLine& line, const std::string&) { line.action = Action::kConfigView; }},
      {For::kAll, "--config-check", "", "says whether the configuration is valid, and exits",
       [](CommandLine& line, const std::string&) { line.action = Action::kConfigCheck; }},
      {For::kAll, "--version", "", "prints the version, and exits",
       [](CommandLine& line, const std::string&) { line.action = Action::kVersion; }},
      {For::kAll, "--help", "", "prints this, and exits",
       [](CommandLine& line, const std::string&) { line.action = Action::kHelp; }},
  };
  return flags;
}

bool Has(ProgramKind kind, const Flag& flag) {
  return flag.programs == For::kAll ||
         flag.programs == (kind == ProgramKind::kScript ? For::kScripts : For::kServices);
}

absl::Status UnknownFlag(const std::string& name, ProgramKind kind) {
  std::vector<std::string> known;
  for (const Flag& flag : Flags()) {
    if (Has(kind, flag)) known.emplace_back(flag.name);
  }
  const std::optional<std::string> nearest = NearestName(name, known);
  return absl::InvalidArgumentError(absl::StrCat("unknown argument ", name, "; ",
                                                 nearest.has_value()
                                                     ? absl::StrCat("did you mean ", *nearest, "?")
                                                     : std::string("--help shows what there is")));
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                             ProgramKind kind) {
  CommandLine line;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (kind == ProgramKind::kScript && (arguments[i] == "--" || !arguments[i].starts_with("-"))) {
      if (arguments[i] == "--") ++i;
      line.words.insert(line.words.end(), arguments.begin() + i, arguments.end());
      break;
    }
    const size_t equals = arguments[i].find('=');
    const std::string name = arguments[i].substr(0, equals);
    const auto flag = std::find_if(Flags().begin(), Flags().end(), [&](const Flag& each) {
      return Has(kind, each) && each.name == name;
    });
    if (flag == Flags().end()) return UnknownFlag(name, kind);
    std::string value;
    if (flag->value.empty()) {
      if (equals != std::string::npos) {
        return absl::InvalidArgumentError(absl::StrCat(name, " takes no value"));
      }
    } else if (equals != std::string::npos) {
      value = arguments[i].substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " needs a value: ", name, " ", std::string(flag->value)));
    }
    flag->apply(line, value);
    if (line.action == Action::kHelp) break;
  }
  return line;
}

std::string CommandLineHelp(std::string_view program, ProgramKind kind) {
  const bool script = kind == ProgramKind::kScript;
  const std::string variable =
      absl::AsciiStrToUpper(absl::StrReplaceAll(std::string(program), {{"-", "_"}}));
  std::string help = absl::StrFormat("Usage: %s [FLAGS]%s\n\nFlags:\n", std::string(program),
                                     script ? " COMMAND [ARGUMENTS]" : "");
  for (const Flag& flag : Flags()) {
    if (!Has(kind, flag)) continue;
    const std::string left = absl::StrCat(std::string(flag.name), flag.value.empty() ? "" : " ",
                                          std::string(flag.value));
    absl::StrAppendFormat(&help, "  %-20s %s\n", left, std::string(flag.help));
  }
  absl::StrAppendFormat(
      &help,
      "\nFrom the weakest: defaults, --config, --config-dir, variables as\n"
      "MENTAT_%s__SERVICE__LOG__LEVEL=debug, --set. docs/configuration.md says what\n"
      "can be configured.\n",
      variable);
  if (script) {
    help += "\nSignals: TERM and INT let a command come to its end and exit.\n";
    return help;
  }
  help +=
      "\nSignals: TERM and INT finish what is held and exit, HUP reloads rules and peers and\n"
      "opens the log file again, USR1 logs the statistics, USR2 turns debug logging on and off.\n";
  return help;
}

}  // namespace mentat::service
