#include "tools/mentatctl/cli/completion.h"

#include <algorithm>

#include "absl/strings/str_replace.h"

namespace mentat::mentatctl {
namespace {

constexpr char kBash[] = R"(# Completion of mentatctl for bash: source <(mentatctl completion bash)
_mentatctl() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o default 2>/dev/null
    else
      COMPREPLY+=("$line")
    fi
  done < <("${COMP_WORDS[0]}" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _mentatctl mentatctl
)";

constexpr char kZsh[] = R"(#compdef mentatctl
# Completion of mentatctl for zsh: source <(mentatctl completion zsh)
_mentatctl() {
  local line
  local -a candidates
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      _files
    else
      candidates+=("$line")
    fi
  done < <("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe mentatctl candidates
}
# A file in fpath is read at the first Tab, which wants an answer already.
if [[ ${funcstack[1]} == _mentatctl ]]; then
  _mentatctl "$@"
else
  compdef _mentatctl mentatctl
fi
)";

constexpr char kFish[] = R"(# Completion of mentatctl for fish: mentatctl completion fish | source
function __mentatctl
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete fish $words[2..-1] 2>/dev/null)
    if test $line = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c mentatctl -f -a '(__mentatctl)'
)";

// Reads the words before the one that is completed.
class Walk {
 public:
  explicit Walk(const Command& root) : root_(root), command_(&root) {}

  void Take(const std::string& word) {
    if (value_of_ != nullptr) {
      if (word == "=") return;  // bash makes words of their own of it
      if (auto* const* text = std::get_if<std::string*>(&value_of_->value)) **text = word;
      value_of_ = nullptr;
    } else if (!only_places_ && word == "--") {
      only_places_ = true;
    } else if (!only_places_ && word.starts_with("-")) {
      TakeOption(word);
    } else if (command_->commands.empty()) {
      ++place_;
    } else {
      Descend(word);
    }
  }

  Completion Last(const std::string& word, const FindNames& find_names) const {
    Completion all;
    if (value_of_ != nullptr) {
      all = ValuesOf(*value_of_, find_names);
    } else if (!only_places_ && word.starts_with("-")) {
      all = Options();
    } else if (is_lost_) {
      return all;
    } else if (!command_->commands.empty()) {
      for (const Command& each : command_->commands) {
        all.candidates.push_back({each.name, each.summary});
      }
    } else if (const Argument* argument = ArgumentAtPlace(); argument != nullptr) {
      all = ValuesOf(*argument, find_names);
    }
    const std::string begin = word == "=" ? "" : word;
    std::erase_if(all.candidates, [&begin](const Candidate& candidate) {
      return !candidate.text.starts_with(begin);
    });
    return all;
  }

 private:
  void TakeOption(const std::string& word) {
    const std::string name = word.substr(0, word.find('='));
    for (const Command* each : {command_, &root_}) {
      for (const Argument& argument : each->arguments) {
        if (argument.name != name || argument.IsFlag()) continue;
        value_of_ = &argument;
        if (word.size() > name.size()) Take(word.substr(name.size() + 1));
        return;
      }
    }
  }

  void Descend(const std::string& word) {
    for (const Command& each : command_->commands) {
      if (each.name != word) continue;
      command_ = &each;
      return;
    }
    is_lost_ = true;
  }

  Completion Options() const {
    Completion options;
    for (const Command* each : {command_, &root_}) {
      for (const Argument& argument : each->arguments) {
        if (argument.IsOption()) options.candidates.push_back({argument.name, argument.help});
      }
      if (each == &root_) break;
    }
    options.candidates.push_back({"--help", "help with examples"});
    return options;
  }

  const Argument* ArgumentAtPlace() const {
    size_t place = place_;
    for (const Argument& argument : command_->arguments) {
      if (argument.IsOption()) continue;
      if (place == 0 || argument.IsRepeated()) return &argument;
      --place;
    }
    return nullptr;
  }

  static Completion ValuesOf(const Argument& argument, const FindNames& find_names) {
    Completion values;
    values.files = argument.completes == Completes::kFiles;
    for (const std::string& choice : argument.choices) values.candidates.push_back({choice, ""});
    if (argument.completes == Completes::kTargets || argument.completes == Completes::kStages) {
      for (const std::string& name : find_names(argument.completes)) {
        values.candidates.push_back({name, ""});
      }
    }
    return values;
  }

  const Command& root_;
  const Command* command_;
  const Argument* value_of_ = nullptr;  // the option whose value comes next
  size_t place_ = 0;                    // of the next argument that its place tells
  bool only_places_ = false;
  bool is_lost_ = false;  // behind a command that there is not
};

}  // namespace

Completion Complete(const Command& root, const std::vector<std::string>& words,
                    const FindNames& find_names) {
  Walk walk(root);
  for (size_t i = 0; i + 1 < words.size(); ++i) walk.Take(words[i]);
  return walk.Last(words.empty() ? "" : words.back(), find_names);
}

std::string CompletionScript(const std::string& shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return "";
}

std::string CompletionLines(const std::string& shell, const Completion& completion) {
  std::string lines;
  for (const Candidate& candidate : completion.candidates) {
    std::string text = candidate.text;
    const std::string& meaning = candidate.meaning;
    if (shell == "zsh") text = absl::StrReplaceAll(text, {{":", "\\:"}});
    if (shell == "zsh" && !meaning.empty()) text += ":" + meaning;
    if (shell == "fish" && !meaning.empty()) text += "\t" + meaning;
    lines += text + "\n";
  }
  if (completion.files) lines += ":files\n";
  return lines;
}

}  // namespace mentat::mentatctl
