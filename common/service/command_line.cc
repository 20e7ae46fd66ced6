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

struct Flag {
  std::string_view name;
  std::string_view value;  // name of its value in the help; empty for a switch
  std::string_view help;
  std::function<void(CommandLine&, const std::string&)> apply;
};

const std::vector<Flag>& Flags() {
  static const auto& flags = *new std::vector<Flag>{
      {"--config", "FILE", "configuration file, JSON with # and // comment lines",
       [](CommandLine& line, const std::string& value) { line.config_file = value; }},
      {"--config-dir", "DIR", "directory of overrides, its *.json and *.json.conf in order of name",
       [](CommandLine& line, const std::string& value) { line.config_dir = value; }},
      {"--set", "KEY=VALUE", "overrides one key, as pipeline.workers=4; may be repeated",
       [](CommandLine& line, const std::string& value) { line.sets.push_back(value); }},
      {"--instance-id", "NAME", "name of this instance; the same as --set service.instance=NAME",
       [](CommandLine& line, const std::string& value) {
         line.sets.push_back(absl::StrCat("service.instance=", value));
       }},
      {"--daemon", "", "runs in the background; the same as --set service.process.daemon=true",
       [](CommandLine& line, const std::string&) {
         line.sets.push_back("service.process.daemon=true");
       }},
      {"--config-view", "", "prints the effective configuration with its origins, and exits",
       [](CommandLine& line, const std::string&) { line.action = Action::kConfigView; }},
      {"--config-check", "", "says whether the configuration is valid, and exits",
       [](CommandLine& line, const std::string&) { line.action = Action::kConfigCheck; }},
      {"--version", "", "prints the version, and exits",
       [](CommandLine& line, const std::string&) { line.action = Action::kVersion; }},
      {"--help", "", "prints this, and exits",
       [](CommandLine& line, const std::string&) { line.action = Action::kHelp; }},
  };
  return flags;
}

absl::Status UnknownFlag(const std::string& name) {
  std::vector<std::string> known;
  for (const Flag& flag : Flags()) known.emplace_back(flag.name);
  const std::optional<std::string> nearest = NearestName(name, known);
  return absl::InvalidArgumentError(absl::StrCat("unknown argument ", name, "; ",
                                                 nearest.has_value()
                                                     ? absl::StrCat("did you mean ", *nearest, "?")
                                                     : std::string("--help shows what there is")));
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t equals = arguments[i].find('=');
    const std::string name = arguments[i].substr(0, equals);
    const auto flag = std::find_if(Flags().begin(), Flags().end(),
                                   [&](const Flag& each) { return each.name == name; });
    if (flag == Flags().end()) return UnknownFlag(name);
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

std::string CommandLineHelp(std::string_view service) {
  const std::string variable =
      absl::AsciiStrToUpper(absl::StrReplaceAll(std::string(service), {{"-", "_"}}));
  std::string help = absl::StrFormat("Usage: %s [FLAGS]\n\nFlags:\n", std::string(service));
  for (const Flag& flag : Flags()) {
    const std::string left = absl::StrCat(std::string(flag.name), flag.value.empty() ? "" : " ",
                                          std::string(flag.value));
    absl::StrAppendFormat(&help, "  %-20s %s\n", left, std::string(flag.help));
  }
  absl::StrAppendFormat(
      &help,
      "\nFrom the weakest: defaults, --config, --config-dir, variables as\n"
      "MENTAT_%s__SERVICE__LOG__LEVEL=debug, --set. docs/configuration.md says what\n"
      "can be configured.\n"
      "\nSignals: TERM and INT finish what is held and exit, HUP reloads rules and peers and\n"
      "opens the log file again, USR1 logs the statistics, USR2 turns debug logging on and off.\n",
      variable);
  return help;
}

}  // namespace mentat::service
