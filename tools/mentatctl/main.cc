// mentatctl: the command line of an installation, and of the parts that need none.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/service/nearest_name.h"
#include "common/service/version.h"
#include "tools/mentatctl/connection.h"
#include "tools/mentatctl/filter_command.h"
#include "tools/mentatctl/idea_check.h"
#include "tools/mentatctl/keys_command.h"
#include "tools/mentatctl/keys_rotate.h"
#include "tools/mentatctl/stage_command.h"
#include "tools/mentatctl/status_command.h"

namespace mentat::mentatctl {
namespace {

// Not one of 0, 1, 2, which say how an installation is.
constexpr int kExitUsage = 3;

struct Arguments {
  Connection connection;
  std::vector<std::string> rest;  // what stands behind the command's name

  // Takes a switch out of the rest; whether it was there.
  bool Take(std::string_view name) {
    const size_t before = rest.size();
    std::erase(rest, name);
    return rest.size() != before;
  }
};

struct Command {
  std::string_view name;
  std::string_view summary;
  std::string_view help;
  std::function<int(Arguments&)> run;  // kExitUsage if the arguments are wrong
};

int Status(Arguments& arguments) {
  const bool json = arguments.Take("--json");
  if (!arguments.rest.empty()) return kExitUsage;
  return StatusCommand(arguments.connection, json, std::cout, std::cerr);
}

int Idea(Arguments& arguments) {
  const bool normalize = arguments.Take("--normalize");
  if (arguments.rest != std::vector<std::string>{"check"}) return kExitUsage;
  return IdeaCheck(std::cin, std::cout, normalize);
}

int Filter(Arguments& arguments) {
  FilterOptions options;
  options.raw = arguments.Take("--raw");
  options.cases = arguments.Take("--cases");
  int outputs = 0;
  for (const auto& [flag, output] : {std::pair{"--count", FilterOptions::Output::kCount},
                                     std::pair{"--value", FilterOptions::Output::kValue},
                                     std::pair{"--explain", FilterOptions::Output::kExplain},
                                     std::pair{"--format", FilterOptions::Output::kFormat}}) {
    if (!arguments.Take(flag)) continue;
    options.output = output;
    ++outputs;
  }
  if (outputs > 1 || arguments.rest.size() > 1) return kExitUsage;
  if (options.cases && (options.raw || outputs > 0 || !arguments.rest.empty())) return kExitUsage;
  const bool from_input = options.cases || options.output == FilterOptions::Output::kFormat;
  if (arguments.rest.empty() && !from_input) return kExitUsage;
  if (!arguments.rest.empty()) options.expression = arguments.rest[0];
  return FilterCommand(options, std::cin, std::cout, std::cerr);
}

// Takes each `flag value` out of the words. False if a value is missing.
bool TakeValues(std::vector<std::string>& words, std::string_view flag,
                std::vector<std::string>& values) {
  for (auto each = words.begin(); each != words.end();) {
    if (*each != flag) {
      ++each;
      continue;
    }
    if (each + 1 == words.end()) return false;
    values.push_back(*(each + 1));
    each = words.erase(each, each + 2);
  }
  return true;
}

int Keys(Arguments& arguments) {
  std::vector<std::string>& rest = arguments.rest;
  std::vector<std::string> folders;
  std::vector<std::string> allowed;
  if (!TakeValues(rest, "--dir", folders) || !TakeValues(rest, "--allowed", allowed)) {
    return kExitUsage;
  }
  const bool has_flag = std::any_of(rest.begin(), rest.end(),
                                    [](const std::string& word) { return word.starts_with("-"); });
  if (rest.size() < 2 || has_flag || folders.size() > 1) return kExitUsage;
  const std::string action = rest[0];
  rest.erase(rest.begin());
  const std::string folder = folders.empty() ? "." : folders[0];
  if (action == "rotate" && rest.size() == 1) {
    return RotateKey({rest[0], folder, allowed}, std::cout, std::cerr);
  }
  if (!allowed.empty()) return kExitUsage;
  if (action == "generate") return GenerateKeys(rest, folder, std::cout, std::cerr);
  if (action == "show" && folders.empty()) return ShowKeys(rest, std::cout, std::cerr);
  return kExitUsage;
}

std::function<int(Arguments&)> OnStage(StageAction action) {
  return [action](Arguments& arguments) {
    const size_t wanted = action == StageAction::kSetLogLevel ? 2 : 1;
    if (arguments.rest.size() != wanted || arguments.rest[0].starts_with("-")) return kExitUsage;
    return StageCommand(arguments.connection, arguments.rest[0], action, arguments.rest.back(),
                        std::cout, std::cerr);
  };
}

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>{
      {"status", "shows the stages, their instances and what they are doing",
       "Usage: mentatctl status [--json]\n\n"
       "A line for each instance: what it is doing, events received a second and since it\n"
       "started, held, rejected, dropped, and the age of the oldest event held.\n"
       "Exit status: 0 all is well; 1 warning (an instance is paused, draining or not ready);\n"
       "2 critical (an instance or the controller does not answer, a stage has no ready "
       "instance).\n\n"
       "Examples:\n"
       "  mentatctl status\n"
       "  mentatctl --controller controller:5580 status --json | jq '.stages[].name'\n",
       Status},
      {"pause", "lets a stage take no new events",
       "Usage: mentatctl pause TARGET\n\n"
       "TARGET is a stage, an instance, or the admin address of an instance. What it holds is\n"
       "finished; the stages before it wait.\n\n"
       "Examples:\n  mentatctl pause storage\n  mentatctl pause 127.0.0.1:5501\n",
       OnStage(StageAction::kPause)},
      {"resume", "lets a paused stage take events again",
       "Usage: mentatctl resume TARGET\n\nExample:\n  mentatctl resume storage\n",
       OnStage(StageAction::kResume)},
      {"drain", "lets a stage finish what it holds and end",
       "Usage: mentatctl drain TARGET\n\n"
       "The same as SIGTERM. Answers at once; whoever supervises the process may start it "
       "again.\n\n"
       "Example:\n  mentatctl drain enricher-2\n",
       OnStage(StageAction::kDrain)},
      {"reload", "lets a stage read its rules and tables again",
       "Usage: mentatctl reload TARGET\n\n"
       "Wrong rules are refused with their errors, and the old ones stay in use.\n\n"
       "Example:\n  mentatctl reload inspector\n",
       OnStage(StageAction::kReload)},
      {"log-level", "sets what a stage logs until it ends",
       "Usage: mentatctl log-level TARGET debug|info|warning|error\n\n"
       "Example:\n  mentatctl log-level inspector debug\n",
       OnStage(StageAction::kSetLogLevel)},
      {"keys", "makes, shows and changes the keys that stages know each other by",
       "Usage: mentatctl keys generate NAME... [--dir DIR]\n"
       "       mentatctl keys show FILE|DIR...\n"
       "       mentatctl keys rotate NAME [--dir DIR] [--allowed DIR]...\n\n"
       "generate makes NAME.key, which everybody may see, and NAME.key_secret, which nobody but\n"
       "the stage may read, in DIR (here by default). Keys that are there are never overwritten.\n"
       "show prints the public keys in files of either kind, or of all NAME.key in a folder.\n"
       "rotate puts a new key in the place of NAME in three steps: each call does the next one "
       "and\n"
       "says what to reload or restart before the one after it. --allowed are further folders "
       "with\n"
       "NAME.key, which the neighbours allow.\n"
       "Exit status 1 if something could not be made or read.\n\n"
       "Examples:\n"
       "  mentatctl keys generate inspector enricher --dir /etc/mentat/keys\n"
       "  mentatctl keys show /etc/mentat/keys\n"
       "  mentatctl keys rotate inspector --dir /etc/mentat/keys --allowed /etc/mentat/enricher\n",
       Keys},
      {"idea", "checks events",
       "Usage: mentatctl idea check [--normalize] < events.ndjson\n\n"
       "Reads events, one a line, and writes a line of JSON for each: {\"ok\":true,...} or\n"
       "{\"ok\":false,\"errors\":[{\"path\":...,\"message\":...}]}; with --normalize also the "
       "event as\n"
       "Mentat understands it. Exit status 1 if any event was bad.\n\n"
       "Examples:\n"
       "  mentatctl idea check < events.ndjson\n"
       "  mentatctl idea check --normalize < event.json | jq .event\n",
       Idea},
      {"filter", "matches events with an expression of the filter language",
       "Usage: mentatctl filter EXPR [--raw] [--count|--value|--explain] < events.ndjson\n"
       "       mentatctl filter --format [EXPR] [--raw] < rule.txt\n"
       "       mentatctl filter --cases < cases.ndjson\n\n"
       "Prints the matching events unchanged; with --count how many match, with --value what the\n"
       "expression comes to for each event, with --explain which of its parts decided. --raw is "
       "the\n"
       "language's raw mode. --format prints the expression, or that of the file, laid out.\n"
       "--cases takes lines of {\"expr\":...,\"event\":{...},\"raw\":false}.\n"
       "Exit status: 0; 1 an event could not be read or evaluated; 2 the expression is wrong. "
       "With\n"
       "--value and --cases errors of an expression are results like others.\n\n"
       "Examples:\n"
       "  mentatctl filter 'Category in [\"Recon.Scanning\"]' < events.ndjson\n"
       "  mentatctl filter 'Source.IP4 in [\"192.0.2.0/24\"]' --explain < events.ndjson\n",
       Filter},
  };
  return commands;
}

void PrintHelp(std::ostream& out) {
  out << "Usage: mentatctl [FLAGS] COMMAND [ARGUMENTS]\n\nCommands:\n";
  for (const Command& command : Commands()) {
    out << "  " << command.name << std::string(12 - command.name.size(), ' ') << command.summary
        << "\n";
  }
  out << "\nFlags:\n"
      << ConnectionHelp()
      << "  --help                  this, or behind a command's name its help with examples\n"
         "  --version               prints the version\n\n"
         "Exit status 3 stands for wrong arguments.\n";
}

const Command* FindCommand(const std::string& name) {
  for (const Command& command : Commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

int UnknownCommand(const std::string& name) {
  std::vector<std::string> known;
  for (const Command& command : Commands()) known.emplace_back(command.name);
  const auto nearest = service::NearestName(name, known);
  std::cerr << "mentatctl: unknown command " << name
            << (nearest.has_value() ? "; did you mean " + *nearest + "?"
                                    : std::string("; --help shows what there is"))
            << "\n";
  return kExitUsage;
}

int Run(std::vector<std::string> words) {
  Arguments arguments;
  absl::StatusOr<Connection> connection = TakeConnection(words, [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  });
  if (!connection.ok()) {
    std::cerr << "mentatctl: " << connection.status().message() << "\n";
    return kExitUsage;
  }
  arguments.connection = *std::move(connection);
  if (words.empty()) {
    PrintHelp(std::cerr);
    return kExitUsage;
  }
  if (words[0] == "--help" || words[0] == "help") {
    PrintHelp(std::cout);
    return 0;
  }
  if (words[0] == "--version") {
    std::cout << "mentatctl " << service::kVersion << "\n";
    return 0;
  }
  const Command* command = FindCommand(words[0]);
  if (command == nullptr) return UnknownCommand(words[0]);
  arguments.rest.assign(words.begin() + 1, words.end());
  if (arguments.Take("--help")) {
    std::cout << command->help;
    return 0;
  }
  const int exit_status = command->run(arguments);
  if (exit_status == kExitUsage) {
    std::cerr << "mentatctl: wrong arguments\n\n" << command->help;
  }
  return exit_status;
}

}  // namespace
}  // namespace mentat::mentatctl

int main(int argc, char** argv) {
  return mentat::mentatctl::Run(std::vector<std::string>(argv + 1, argv + argc));
}
