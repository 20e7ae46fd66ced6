// A command line as data: a tree of commands with what they take. Parsing, help, completion and the
// tests read the same tree.
#ifndef TOOLS_MENTATCTL_CLI_COMMAND_H_
#define TOOLS_MENTATCTL_CLI_COMMAND_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mentat::mentatctl {

struct Session;

// Where an argument's value goes before the command runs: a flag, a text, a number, or several
// texts. What is not given is left as it was.
using Value =
    std::variant<bool*, std::string*, std::vector<std::string>*, uint32_t*, std::optional<double>*>;

// What completion may propose for a value.
enum class Completes { kNothing, kFiles, kTargets, kStages };

struct Argument {
  std::string name;  // `--limit`, or `TARGET` for one that its place tells
  Value value;       // outlives the tree: see Command::run
  std::string help;
  std::string placeholder = "";  // `N` of an option
  bool required = false;
  Completes completes = Completes::kNothing;
  std::vector<std::string> choices = {};  // for completion; what is allowed says whoever is called

  bool IsOption() const { return name.starts_with("-"); }
  bool IsFlag() const { return std::holds_alternative<bool*>(value); }
  bool IsRepeated() const { return std::holds_alternative<std::vector<std::string>*>(value); }
};

struct Command {
  std::string name;
  std::string summary;                     // a line, without a dot
  std::string description = "";            // lines of up to 80 characters; may be empty
  std::vector<std::string> examples = {};  // each a whole command line
  std::vector<Argument> arguments = {};    // those told by their place stand in their order
  std::vector<Command> commands = {};
  // The exit status. Owns what the arguments' values point to. Empty where one of `commands` has to
  // be named.
  std::function<int(Session&)> run = nullptr;
};

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CLI_COMMAND_H_
