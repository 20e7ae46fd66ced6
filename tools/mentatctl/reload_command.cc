#include "tools/mentatctl/reload_command.h"

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "mentat/controller/v1/controller.pb.h"
#include "mentat/stage/v1/stage_admin.pb.h"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/direct.h"
#include "tools/mentatctl/reload_results.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/targets.h"

namespace mentat::mentatctl {
namespace {

struct Options {
  Targets targets;
  bool check = false;
  std::string comment;
};

// Instances that are named by their addresses reload each for itself where the controller cannot
// let them: it is not there, does not know them, or keeps no reloads.
bool CanReloadDirectly(const Targets& targets, const absl::Status& answer) {
  if (answer.GetPayload(Client::kDetails).has_value()) return false;  // it tried
  return CanCallDirectly(targets, answer) ||
         (targets.OnlyAddresses() && answer.code() == absl::StatusCode::kFailedPrecondition);
}

int RunReload(Session& session, const Options& options) {
  if (const absl::Status given = CheckGiven(options.targets); !given.ok()) {
    return Fail(session, given);
  }
  controller::v1::ReloadRequest request;
  request.set_check_only(options.check);
  request.set_comment(options.comment);
  const auto response = CallSelected<controller::v1::ReloadResponse>(session, options.targets,
                                                                     request, kReloadTimeout);
  if (response.ok()) return PrintReload(session, *response);
  if (!options.check && CanReloadDirectly(options.targets, response.status())) {
    stage::v1::ReloadResponse answer;
    return CallDirectly(session, options.targets, response.status(), stage::v1::ReloadRequest(),
                        &answer);
  }
  return PrintReloadError(session, response.status());
}

}  // namespace

Command MakeReloadCommand() {
  const auto options = std::make_shared<Options>();
  Command command{
      .name = "reload",
      .summary = "lets instances read configuration, rules and tables again",
      .description =
          "All instances check first, and only if nothing is wrong anywhere all of them use the\n"
          "new state. The reload gets a number, to which `mentatctl rollback` can go back.\n",
      .examples = {"mentatctl reload inspector", "mentatctl reload --all --check",
                   "mentatctl reload inspector enricher --comment 'new rule'"}};
  command.arguments = TargetArguments(options->targets, /*with_all=*/true);
  command.arguments.push_back({.name = "--check",
                               .value = &options->check,
                               .help = "only checks; nothing is taken into use"});
  command.arguments.push_back({.name = "--comment",
                               .value = &options->comment,
                               .help = "why, for the record",
                               .placeholder = "TEXT"});
  command.run = [options](Session& session) { return RunReload(session, *options); };
  return command;
}

}  // namespace mentat::mentatctl
