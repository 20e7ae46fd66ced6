#include "common/service/script/shell.h"

#include <editline/readline.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/service/script/commands.h"
#include "common/service/startup.h"

namespace mentat::service {
namespace {

constexpr size_t kMaxLineBytes = 64 << 10;
constexpr int kMaxHistory = 1000;

struct Free {
  void operator()(char* text) const { std::free(text); }
};

// The library asks by a plain function; there is one shell in a process, on one thread.
const std::vector<std::string>* completed_names = nullptr;

char* NextName(const char* begin, int again) {
  static size_t next;
  if (again == 0) next = 0;
  while (next < completed_names->size()) {
    const std::string& name = (*completed_names)[next++];
    if (name.starts_with(begin)) return ::strdup(name.c_str());
  }
  return nullptr;
}

char** Complete(const char* text, int start, int) {
  // Only the first word is a command; what follows may be a file, which the library knows of.
  return start == 0 ? rl_completion_matches(text, NextName) : nullptr;
}

class LineReader {
 public:
  LineReader(std::string prompt, std::vector<std::string> names)
      : prompt_(std::move(prompt)),
        names_(std::move(names)),
        terminal_(::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0) {
    if (!terminal_) return;
    using_history();
    stifle_history(kMaxHistory);
    completed_names = &names_;
    rl_attempted_completion_function = Complete;
  }

  // Nothing at the end.
  std::optional<std::string> Next() {
    if (!terminal_) {
      std::string line;
      if (!std::getline(std::cin, line)) return std::nullopt;
      return line;
    }
    const std::unique_ptr<char, Free> line(::readline(prompt_.c_str()));
    if (line == nullptr) {
      std::cout << "\n";
      return std::nullopt;
    }
    if (*line != '\0') add_history(line.get());
    return line.get();
  }

 private:
  const std::string prompt_;
  const std::vector<std::string> names_;
  const bool terminal_;
};

}  // namespace

void LeaveTerminal() {
  if (completed_names != nullptr) rl_deprep_terminal();
}

int RunShell(const std::string& program, const std::vector<ScriptCommand>& commands,
             const std::function<int(const std::vector<std::string>& words)>& execute,
             const std::function<bool()>& ended) {
  std::vector<std::string> names = {"help", "exit"};
  for (const ScriptCommand& each : commands) names.push_back(each.name);
  LineReader reader(absl::StrCat(program, "> "), std::move(names));
  int status = 0;
  while (const std::optional<std::string> line = reader.Next()) {
    if (line->size() > kMaxLineBytes) {
      PrintError(program, absl::InvalidArgumentError("the line is too long"));
      status = kExitConfig;
      continue;
    }
    const absl::StatusOr<std::vector<std::string>> words = SplitWords(*line);
    if (!words.ok()) {
      PrintError(program, words.status());
      status = kExitConfig;
      continue;
    }
    if (words->empty() || words->front().starts_with("#")) continue;
    if (words->front() == "exit" || words->front() == "quit") break;
    if (*words == std::vector<std::string>{"help"}) {
      std::cout << CommandsHelp(commands) << "  COMMAND --help       the arguments of a command\n"
                << "  exit                 ends the shell\n"
                << std::flush;
      continue;
    }
    status = execute(*words);
    if (ended()) break;
  }
  return status;
}

}  // namespace mentat::service
