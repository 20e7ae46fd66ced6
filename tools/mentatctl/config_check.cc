#include "tools/mentatctl/config_check.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/program.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

struct Options {
  std::string service;
  std::vector<std::string> files;
  std::string folder;
  std::string program;
};

int RunCheck(Session& session, const Options& options) {
  const absl::StatusOr<std::string> program =
      FindProgram(options.program.empty() ? options.service : options.program);
  if (!program.ok()) return Fail(session, program.status());
  int exit_status = kExitOk;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const std::string& file : options.files) {
    std::vector<std::string> arguments = {"--config", file, "--config-check"};
    if (!options.folder.empty()) {
      arguments.insert(arguments.end(), {"--config-dir", options.folder});
    }
    const absl::StatusOr<Ended> ended = RunProgram(*program, arguments);
    if (!ended.ok()) return Fail(session, ended.status());
    const bool valid = ended->exit_status == 0;
    if (!valid) exit_status = kExitCritical;
    const std::string errors(absl::StripAsciiWhitespace(ended->errors));
    if (session.json) {
      list.push_back({{"file", file}, {"valid", valid}, {"errors", valid ? "" : errors}});
    } else if (valid) {
      session.out << file << ": valid\n";
    } else {
      session.err << file << ": not valid\n" << PrintableLines(errors) << "\n";
    }
  }
  if (session.json) session.out << JsonText({{"files", std::move(list)}});
  return exit_status;
}

}  // namespace

Command MakeConfigCheckCommand() {
  const auto options = std::make_shared<Options>();
  return {
      .name = "check",
      .summary = "says whether files are configurations of a service",
      .description =
          "Asks the service's own program, which looks at keys, types and ranges; it starts\n"
          "nothing. `mentatctl reload --check` asks running instances, which look at rules and\n"
          "tables too. Exit status 2 if a file is wrong.\n",
      .examples = {"mentatctl config check inspector /etc/mentat/inspector.json",
                   "mentatctl config check storage new.json --program /usr/lib/mentat/storage"},
      .arguments = {{.name = "SERVICE",
                     .value = &options->service,
                     .help = "the service, as inspector",
                     .required = true,
                     .completes = Completes::kStages},
                    {.name = "FILE",
                     .value = &options->files,
                     .help = "files, each a whole configuration",
                     .required = true,
                     .completes = Completes::kFiles},
                    {.name = "--config-dir",
                     .value = &options->folder,
                     .help = "folder of overrides",
                     .placeholder = "DIR",
                     .completes = Completes::kFiles},
                    {.name = "--program",
                     .value = &options->program,
                     .help = "the service's program; beside mentatctl or in PATH by default",
                     .placeholder = "FILE",
                     .completes = Completes::kFiles}},
      .run = [options](Session& session) { return RunCheck(session, *options); }};
}

}  // namespace mentat::mentatctl
