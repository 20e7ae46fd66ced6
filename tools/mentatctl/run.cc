#include "tools/mentatctl/run.h"

#include <optional>

#include "absl/status/statusor.h"
#include "tools/mentatctl/cli/completion.h"
#include "tools/mentatctl/cli/help.h"
#include "tools/mentatctl/cli/parse.h"
#include "tools/mentatctl/commands.h"
#include "tools/mentatctl/completion_command.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/session.h"

namespace mentat::mentatctl {
namespace {

int Wrong(const Parsed& parsed, std::ostream& err) {
  std::string call;
  for (const Command* each : parsed.path) call += each->name + " ";
  err << "mentatctl: " << parsed.error << "\nUsage: " << UsageLine(parsed.path) << "\n"
      << call << "--help says more\n";
  return kExitUsage;
}

// `__complete SHELL WORDS`: what the last word can become, for the scripts of `completion`.
int RunComplete(const Command& root, const GlobalOptions& options,
                const std::vector<std::string>& words, const Environment& environment,
                std::ostream& out) {
  if (words.size() < 2) return kExitUsage;
  const auto find_names = [&](Completes kind) {
    return FindNamesToComplete(options.connection, environment, kind);
  };
  out << CompletionLines(words[1], Complete(root, {words.begin() + 2, words.end()}, find_names));
  return kExitOk;
}

}  // namespace

int Run(const std::vector<std::string>& words, const Environment& environment, std::istream& in,
        std::ostream& out, std::ostream& err) {
  GlobalOptions options;
  const Command root = MakeRootCommand(options);
  if (!words.empty() && words[0] == "__complete")
    return RunComplete(root, options, words, environment, out);
  std::vector<std::string> command = words;
  // `mentatctl help pause` is `mentatctl pause --help`.
  if (!command.empty() && command[0] == "help") {
    command.erase(command.begin());
    command.push_back("--help");
  }
  const Parsed parsed = Parse(root, command);
  if (parsed.help) {
    out << Help(parsed.path);
    return kExitOk;
  }
  if (!parsed.error.empty()) return Wrong(parsed, err);
  if (options.version) {
    out << VersionLine();
    return kExitOk;
  }
  if (!parsed.path.back()->run) {
    err << Help(parsed.path);
    return kExitUsage;
  }
  absl::StatusOr<Connection> connection = MakeConnection(options.connection, environment);
  if (!connection.ok()) {
    err << "mentatctl: " << connection.status().message() << "\n";
    return kExitUsage;
  }
  Session session{.connection = *std::move(connection),
                  .json = options.json,
                  .timeout_seconds = options.timeout_seconds,
                  .in = in,
                  .out = out,
                  .err = err};
  const int exit_status = parsed.path.back()->run(session);
  out.flush();
  return exit_status;
}

}  // namespace mentat::mentatctl
