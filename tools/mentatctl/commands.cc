#include "tools/mentatctl/commands.h"

#include <utility>
#include <vector>

#include "common/service/version.h"
#include "tools/mentatctl/completion_command.h"
#include "tools/mentatctl/config_command.h"
#include "tools/mentatctl/dead_letters_command.h"
#include "tools/mentatctl/filter_command.h"
#include "tools/mentatctl/history_commands.h"
#include "tools/mentatctl/idea_command.h"
#include "tools/mentatctl/in_flight_command.h"
#include "tools/mentatctl/jobs_command.h"
#include "tools/mentatctl/keys_command.h"
#include "tools/mentatctl/ledger_command.h"
#include "tools/mentatctl/outbox_command.h"
#include "tools/mentatctl/reload_command.h"
#include "tools/mentatctl/runlog_command.h"
#include "tools/mentatctl/status_command.h"
#include "tools/mentatctl/steer_commands.h"
#include "tools/mentatctl/tail_command.h"
#include "tools/mentatctl/top_command.h"
#include "tools/mentatctl/topology_command.h"
#include "tools/mentatctl/version_command.h"
#include "tools/mentatctl/workload_commands.h"

namespace mentat::mentatctl {
namespace {

constexpr char kDescription[] =
    "Exit status, of every command:\n"
    "  0  all is well, everything was done\n"
    "  1  warning: it failed for a part, or was refused and nothing has changed\n"
    "  2  critical: nobody answers, there is no access, nothing has this name\n"
    "  3  wrong arguments\n"
    "\n"
    "Each connection option can also be a variable, MENTATCTL_CA_FILE, or stand in\n"
    "~/.config/mentat/mentatctl.json: {\"ca_file\": \"...\"}. Behind -- nothing is an option.\n";

}  // namespace

Command MakeRootCommand(GlobalOptions& options) {
  Command root{.name = "mentatctl",
               .summary = "shows and steers an installation of Mentat",
               .description = kDescription,
               .examples = {"mentatctl status", "mentatctl pause --help"}};
  root.arguments = ConnectionArguments(options.connection);
  root.arguments.push_back(
      {.name = "--json", .value = &options.json, .help = "prints JSON, for programs"});
  root.arguments.push_back({.name = "--timeout",
                            .value = &options.timeout_seconds,
                            .help = "time that each call may take; a minute or so by default",
                            .placeholder = "SECONDS"});
  root.arguments.push_back(
      {.name = "--version", .value = &options.version, .help = "prints the version of mentatctl"});

  // In the order of the help.
  root.commands.push_back(MakeStatusCommand());
  root.commands.push_back(MakeTopCommand());
  root.commands.push_back(MakeTopologyCommand());
  root.commands.push_back(MakeTailCommand());
  root.commands.push_back(MakeInFlightCommand());
  root.commands.push_back(MakeLedgerCommand());
  root.commands.push_back(MakeVersionCommand());
  root.commands.push_back(MakePauseCommand());
  root.commands.push_back(MakeResumeCommand());
  root.commands.push_back(MakeDrainCommand());
  root.commands.push_back(MakeReloadCommand());
  root.commands.push_back(MakeReloadsCommand());
  root.commands.push_back(MakeRollbackCommand());
  root.commands.push_back(MakeWorkloadsCommand());
  root.commands.push_back(MakeStartCommand());
  root.commands.push_back(MakeStopCommand());
  root.commands.push_back(MakeRestartCommand());
  root.commands.push_back(MakeScaleCommand());
  root.commands.push_back(MakeLogLevelCommand());
  root.commands.push_back(MakeDeadLettersCommand());
  root.commands.push_back(MakeJobsCommand());
  root.commands.push_back(MakeOutboxCommand());
  root.commands.push_back(MakeConfigCommand());
  root.commands.push_back(MakeAuditCommand());
  root.commands.push_back(MakeRunlogCommand());
  root.commands.push_back(MakeKeysCommand());
  root.commands.push_back(MakeIdeaCommand());
  root.commands.push_back(MakeFilterCommand());
  root.commands.push_back(MakeCompletionCommand());
  return root;
}

std::string VersionLine() { return "mentatctl " + std::string(service::kVersion) + "\n"; }

}  // namespace mentat::mentatctl
