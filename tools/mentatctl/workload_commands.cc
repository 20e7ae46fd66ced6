#include "tools/mentatctl/workload_commands.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "google/protobuf/repeated_field.h"
#include "mentat/controller/v1/controller.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/targets.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::Workload;
using controller::v1::WorkloadProcess;
using Workloads = google::protobuf::RepeatedPtrField<Workload>;

std::string StateOf(const Workload& workload) {
  if (workload.stopped()) return workload.running_instances() > 0 ? "stopping" : "stopped";
  if (workload.running_instances() < workload.wanted_instances()) return "starting";
  if (workload.running_instances() > workload.wanted_instances()) return "scaling down";
  return "runs";
}

// Stages, and below them their processes where the driver knows these.
std::string Format(const Workloads& workloads) {
  Table stages({"STAGE", "STATE", ">WANTED", ">RUNNING", ">RESTARTS", "LAST EXIT"});
  Table processes({"INSTANCE", ">PID", "STATE", "SINCE", ">RESTARTS", "LAST EXIT"});
  const auto text = [](const std::string& text) { return text.empty() ? "-" : text; };
  for (const Workload& workload : workloads) {
    stages.Add({workload.stage(), StateOf(workload), absl::StrCat(workload.wanted_instances()),
                absl::StrCat(workload.running_instances()), absl::StrCat(workload.restarts()),
                text(workload.last_exit())});
    for (const WorkloadProcess& process : workload.processes()) {
      const char* state = process.pid() == 0 ? "down" : process.stopping() ? "drains" : "runs";
      processes.Add({process.instance(), absl::StrCat(process.pid()), state,
                     TimeText(process.start_time()), absl::StrCat(process.restarts()),
                     text(process.last_exit())});
    }
  }
  return processes.empty() ? stages.Format()
                           : absl::StrCat(stages.Format(), "\n", processes.Format());
}

int Print(Session& session, const Workloads& workloads) {
  if (!session.json) {
    session.out << Format(workloads);
    return kExitOk;
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Workload& workload : workloads) list.push_back(ToJson(workload));
  session.out << JsonText({{"workloads", std::move(list)}});
  return kExitOk;
}

template <typename Response, typename Request>
absl::StatusOr<Response> Call(const Session& session, const Request& request) {
  ASSIGN_OR_RETURN(const Client client, Client::ToController(session));
  Response response;
  RETURN_IF_ERROR(client.Call(request, &response));
  return response;
}

constexpr char kAfterwards[] =
    "Answers when what is wanted is recorded; `mentatctl workloads` shows how far it is.\n";

struct Stages {
  std::vector<std::string> names;
  bool all = false;
};

// A command for calls that take names of stages.
template <typename Request, typename Response>
Command StagesCommand(Command command) {
  const auto stages = std::make_shared<Stages>();
  command.arguments = {{.name = "STAGE",
                        .value = &stages->names,
                        .help = "names of stages",
                        .completes = Completes::kStages},
                       {.name = "--all", .value = &stages->all, .help = "all stages"}};
  command.run = [stages](Session& session) {
    if (stages->names.empty() && !stages->all) {
      return Fail(session, absl::InvalidArgumentError("a STAGE is missing; --all is for all"));
    }
    Request request;
    for (const std::string& name : stages->names) request.add_stages(name);
    const auto response = Call<Response>(session, request);
    return response.ok() ? Print(session, response->workloads()) : Fail(session, response.status());
  };
  return command;
}

}  // namespace

Command MakeWorkloadsCommand() {
  const auto stages = std::make_shared<std::vector<std::string>>();
  return {.name = "workloads",
          .summary = "shows the processes of the stages, as the driver sees them",
          .description = "Exit status 1 if fewer run than are wanted.\n",
          .examples = {"mentatctl workloads", "mentatctl workloads inspector --json"},
          .arguments = {{.name = "STAGE",
                         .value = stages.get(),
                         .help = "names of stages; all by default",
                         .completes = Completes::kStages}},
          .run = [stages](Session& session) {
            controller::v1::ListWorkloadsRequest request;
            for (const std::string& name : *stages) request.add_stages(name);
            const auto response = Call<controller::v1::ListWorkloadsResponse>(session, request);
            if (!response.ok()) return Fail(session, response.status());
            Print(session, response->workloads());
            for (const Workload& workload : response->workloads()) {
              const bool missing = workload.running_instances() < workload.wanted_instances();
              if (missing && !workload.stopped()) return kExitWarning;
            }
            return kExitOk;
          }};
}

Command MakeStartCommand() {
  return StagesCommand<controller::v1::StartRequest, controller::v1::StartResponse>(
      {.name = "start",
       .summary = "starts the processes of stages that are stopped",
       .description = kAfterwards,
       .examples = {"mentatctl start inspector", "mentatctl start --all"}});
}

Command MakeStopCommand() {
  return StagesCommand<controller::v1::StopRequest, controller::v1::StopResponse>(
      {.name = "stop",
       .summary = "drains the processes of stages and keeps them stopped",
       .description = kAfterwards,
       .examples = {"mentatctl stop inspector", "mentatctl stop --all"}});
}

Command MakeRestartCommand() {
  const auto targets = std::make_shared<Targets>();
  return {.name = "restart",
          .summary = "drains instances and starts them again, one of a stage at a time",
          .description = kAfterwards,
          .examples = {"mentatctl restart inspector", "mentatctl restart inspector-2"},
          .arguments = TargetArguments(*targets, /*with_all=*/true),
          .run = [targets](Session& session) {
            if (const absl::Status given = CheckGiven(*targets); !given.ok()) {
              return Fail(session, given);
            }
            const auto response = CallSelected<controller::v1::RestartResponse>(
                session, *targets, controller::v1::RestartRequest());
            return response.ok() ? Print(session, response->workloads())
                                 : Fail(session, response.status());
          }};
}

Command MakeScaleCommand() {
  struct Options {
    std::string stage;
    uint32_t instances = 0;
  };
  const auto options = std::make_shared<Options>();
  return {.name = "scale",
          .summary = "sets how many instances a stage has",
          .description = kAfterwards,
          .examples = {"mentatctl scale inspector 4"},
          .arguments = {{.name = "STAGE",
                         .value = &options->stage,
                         .help = "name of the stage",
                         .required = true,
                         .completes = Completes::kStages},
                        {.name = "INSTANCES",
                         .value = &options->instances,
                         .help = "how many",
                         .required = true}},
          .run = [options](Session& session) {
            controller::v1::ScaleRequest request;
            request.set_stage(options->stage);
            request.set_instances(options->instances);
            const auto response = Call<controller::v1::ScaleResponse>(session, request);
            if (!response.ok()) return Fail(session, response.status());
            Workloads workloads;
            *workloads.Add() = response->workload();
            return Print(session, workloads);
          }};
}

}  // namespace mentat::mentatctl
