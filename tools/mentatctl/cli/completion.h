// Completion at the Tab key: the shell's script asks mentatctl, which looks at its tree of
// commands.
#ifndef TOOLS_MENTATCTL_CLI_COMPLETION_H_
#define TOOLS_MENTATCTL_CLI_COMPLETION_H_

#include <functional>
#include <string>
#include <vector>

#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

struct Candidate {
  std::string text;
  std::string meaning;  // for shells that show it; may be empty
};

struct Completion {
  std::vector<Candidate> candidates;
  bool files = false;  // the shell may propose files
};

// Names of stages or targets, which are known elsewhere.
using FindNames = std::function<std::vector<std::string>(Completes kind)>;

// What the last of the words, which may be empty, can become; the words are those behind the
// program's name. Options of the root that the words give are set, as Parse does it.
Completion Complete(const Command& root, const std::vector<std::string>& words,
                    const FindNames& find_names);

// The script for `bash`, `zsh` or `fish`; empty for any other. It calls `mentatctl __complete SHELL
// WORDS`.
std::string CompletionScript(const std::string& shell);

// What the script is answered: a line for each candidate, and `:files` where files are wanted.
std::string CompletionLines(const std::string& shell, const Completion& completion);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CLI_COMPLETION_H_
