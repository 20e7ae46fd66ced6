#include "tools/mentatctl/steer_commands.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mentat/controller/v1/controller.pb.h"
#include "mentat/stage/v1/stage_admin.pb.h"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/direct.h"
#include "tools/mentatctl/results.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/targets.h"

namespace mentat::mentatctl {
namespace {

// Calls through the controller, or each instance with `direct` and its `answer`.
template <typename Response, typename Request, typename DirectRequest, typename DirectResponse>
int Steer(Session& session, const Targets& targets, const Request& request,
          const DirectRequest& direct, DirectResponse answer) {
  if (const absl::Status given = CheckGiven(targets); !given.ok()) return Fail(session, given);
  const absl::StatusOr<Response> response = CallSelected<Response>(session, targets, request);
  if (response.ok()) return PrintResults(session, response->results());
  if (CanCallDirectly(targets, response.status())) {
    return CallDirectly(session, targets, response.status(), direct, &answer);
  }
  return Fail(session, response.status());
}

// A command for calls that take nothing but a selection.
template <typename Request, typename Response, typename DirectRequest, typename DirectResponse>
Command SteerCommand(Command command) {
  const auto targets = std::make_shared<Targets>();
  command.arguments = TargetArguments(*targets, /*with_all=*/true);
  command.run = [targets](Session& session) {
    return Steer<Response>(session, *targets, Request(), DirectRequest(), DirectResponse());
  };
  return command;
}

}  // namespace

Command MakePauseCommand() {
  return SteerCommand<controller::v1::PauseRequest, controller::v1::PauseResponse,
                      stage::v1::PauseRequest, stage::v1::PauseResponse>(
      {.name = "pause",
       .summary = "lets instances take no new events",
       .description = "What they hold is finished; the stages before them wait.\n",
       .examples = {"mentatctl pause storage", "mentatctl pause inspector-2 enricher",
                    "mentatctl pause 127.0.0.1:5501"}});
}

Command MakeResumeCommand() {
  return SteerCommand<controller::v1::ResumeRequest, controller::v1::ResumeResponse,
                      stage::v1::ResumeRequest, stage::v1::ResumeResponse>(
      {.name = "resume",
       .summary = "lets paused instances take events again",
       .examples = {"mentatctl resume storage", "mentatctl resume --all"}});
}

Command MakeDrainCommand() {
  return SteerCommand<controller::v1::DrainRequest, controller::v1::DrainResponse,
                      stage::v1::DrainRequest, stage::v1::DrainResponse>(
      {.name = "drain",
       .summary = "lets instances finish what they hold and end",
       .description =
           "The same as SIGTERM. Answers at once; whoever supervises the processes may start "
           "them\nagain. To keep them stopped: mentatctl stop.\n",
       .examples = {"mentatctl drain enricher-2"}});
}

Command MakeLogLevelCommand() {
  struct Options {
    std::string target;
    std::string level;
    std::string module;
    Targets targets;
  };
  const auto options = std::make_shared<Options>();
  Command command{
      .name = "log-level",
      .summary = "sets what instances log until they end",
      .description =
          "With --module it is for one part of the program, as `module` in its log lines; the\n"
          "level `reset` gives the part that of the process again.\n",
      .examples = {"mentatctl log-level inspector debug",
                   "mentatctl log-level storage debug --module pipeline",
                   "mentatctl log-level storage reset --module pipeline"}};
  command.arguments = {{.name = "TARGET",
                        .value = &options->target,
                        .help = "a stage, an instance, its admin address as host:port, or all",
                        .required = true,
                        .completes = Completes::kTargets},
                       {.name = "LEVEL",
                        .value = &options->level,
                        .help = "debug, info, warning or error",
                        .required = true,
                        .choices = {"debug", "info", "warning", "error", "reset"}},
                       {.name = "--module",
                        .value = &options->module,
                        .help = "the only part of the program to set",
                        .placeholder = "NAME"}};
  command.run = [options](Session& session) {
    if (options->target == "all") {
      options->targets.all = true;
    } else {
      options->targets.names = {options->target};
    }
    const std::string level = options->level == "reset" ? "" : options->level;
    controller::v1::SetLogLevelRequest request;
    request.set_level(level);
    request.set_module(options->module);
    stage::v1::SetLogLevelRequest direct;
    direct.set_level(level);
    direct.set_module(options->module);
    return Steer<controller::v1::SetLogLevelResponse>(session, options->targets, request, direct,
                                                      stage::v1::SetLogLevelResponse());
  };
  return command;
}

}  // namespace mentat::mentatctl
