#include "tools/mentatctl/runlog_command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/runlog/runlog_files.h"
#include "mentat/controller/v1/controller.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/results.h"
#include "tools/mentatctl/runlog_report.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/targets.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using stage::v1::Runlog;

struct Options {
  Targets targets;
  std::string folder;
  uint32_t limit = 0;
};

struct Gathered {
  std::vector<Runlog> runs;
  int exit_status = kExitOk;
};

bool Wanted(const Targets& targets, const Runlog& run) {
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return targets.empty() || has(targets.names, run.service()) ||
         has(targets.names, run.instance()) || has(targets.stages, run.service()) ||
         has(targets.instances, run.instance());
}

void Warn(Session& session, Gathered& gathered, const std::string& what) {
  session.err << Printable(what) << "\n";
  gathered.exit_status = kExitWarning;
}

absl::StatusOr<Gathered> FromFolder(Session& session, const Options& options) {
  ASSIGN_OR_RETURN(service::RunlogList list, service::ListRunlogs(options.folder));
  Gathered gathered;
  for (service::ReadRunlog& each : list.runs) {
    if (Wanted(options.targets, each.runlog)) gathered.runs.push_back(std::move(each.runlog));
  }
  for (const absl::Status& wrong : list.wrong) {
    Warn(session, gathered, std::string(wrong.message()));
  }
  return gathered;
}

absl::StatusOr<Gathered> FromInstances(Session& session, const Options& options) {
  ASSIGN_OR_RETURN(const Client client, Client::ToController(session));
  controller::v1::DumpRunlogRequest request;
  ASSIGN_OR_RETURN(*request.mutable_selection(), ToSelection(client, options.targets));
  controller::v1::DumpRunlogResponse response;
  RETURN_IF_ERROR(client.Call(request, &response));
  Gathered gathered;
  for (controller::v1::InstanceRunlog& each : *response.mutable_instances()) {
    if (each.result().code() == 0) {
      gathered.runs.push_back(std::move(*each.mutable_answer()->mutable_runlog()));
    } else {
      Warn(session, gathered, absl::StrCat(NameOf(each.result()), ": ", each.result().error()));
    }
  }
  return gathered;
}

// A command that gathers runs and has them printed; `print` returns what goes to `out`.
Command RunlogCommand(
    Command command, uint32_t limit,
    const std::function<std::string(const std::vector<Runlog>&, bool json)>& print) {
  const auto options = std::make_shared<Options>();
  options->limit = limit;
  command.arguments = TargetArguments(options->targets, /*with_all=*/false);
  command.arguments.push_back(
      {.name = "--dir",
       .value = &options->folder,
       .help = "reads the files in this folder, in place of asking what runs",
       .placeholder = "FOLDER",
       .completes = Completes::kFiles});
  command.arguments.push_back(
      {.name = "--limit",
       .value = &options->limit,
       .help = absl::StrCat("most runs, the newest; ", limit, " by default, 0 is all"),
       .placeholder = "N"});
  command.run = [options, print](Session& session) {
    absl::StatusOr<Gathered> gathered =
        options->folder.empty() ? FromInstances(session, *options) : FromFolder(session, *options);
    if (!gathered.ok()) return Fail(session, gathered.status());
    if (options->limit > 0 && gathered->runs.size() > options->limit) {
      gathered->runs.resize(options->limit);
    }
    if (gathered->runs.empty() && gathered->exit_status == kExitOk) {
      return Fail(session, absl::NotFoundError("there is no run log"));
    }
    session.out << print(gathered->runs, session.json);
    return gathered->exit_status;
  };
  return command;
}

nlohmann::ordered_json RunsJson(const std::vector<Runlog>& runs) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Runlog& run : runs) list.push_back(ToJson(run));
  return {{"runs", std::move(list)}};
}

}  // namespace

Command MakeRunlogCommand() {
  Command list = RunlogCommand(
      {.name = "list",
       .summary = "shows runs, a line for each",
       .examples = {"mentatctl runlog list", "mentatctl runlog list --dir var/runlog storage"}},
      20, [](const std::vector<Runlog>& runs, bool json) {
        return json ? JsonText(RunsJson(runs)) : RunsTable(runs);
      });
  Command view = RunlogCommand({.name = "view",
                                .summary = "shows all of the newest run",
                                .description = "Or of the N newest, with --limit.\n",
                                .examples = {"mentatctl runlog view storage-1",
                                             "mentatctl runlog view --dir var/runlog storage"}},
                               1, [](const std::vector<Runlog>& runs, bool json) {
                                 if (json) return JsonText(RunsJson(runs));
                                 std::string text;
                                 for (const Runlog& run : runs)
                                   absl::StrAppend(&text, text.empty() ? "" : "\n", RunText(run));
                                 return text;
                               });
  Command dump =
      RunlogCommand({.name = "dump",
                     .summary = "writes runs as JSON, one a line",
                     .examples = {"mentatctl runlog dump --dir var/runlog | jq .reason"}},
                    0, [](const std::vector<Runlog>& runs, bool) {
                      std::string text;
                      for (const Runlog& run : runs) text += JsonLine(ToJson(run));
                      return text;
                    });
  Command evaluate = RunlogCommand(
      {.name = "evaluate",
       .summary = "sums up runs by service: how long, how they ended, how much they did",
       .description = "Run logs of killed processes count as far as they were written.\n",
       .examples = {"mentatctl runlog evaluate --dir var/runlog"}},
      0, [](const std::vector<Runlog>& runs, bool json) {
        const std::vector<RunsSummary> summaries = Summarise(runs);
        return json ? JsonText(SummaryJson(summaries)) : SummaryText(summaries);
      });
  return {
      .name = "runlog",
      .summary = "shows what processes did, from their start to their end",
      .description = "Of what runs now the controller asks; --dir reads the files of all runs.\n",
      .examples = {"mentatctl runlog list", "mentatctl runlog evaluate --dir var/runlog"},
      .commands = {std::move(list), std::move(view), std::move(dump), std::move(evaluate)}};
}

}  // namespace mentat::mentatctl
