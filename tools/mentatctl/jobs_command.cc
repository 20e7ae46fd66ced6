#include "tools/mentatctl/jobs_command.h"

#include <algorithm>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::Job;
using controller::v1::JobRun;
using controller::v1::ListJobRunsRequest;
using controller::v1::ListJobRunsResponse;
using controller::v1::ListJobsRequest;
using controller::v1::ListJobsResponse;

std::string OutcomeText(const JobRun& run) {
  switch (run.outcome()) {
    case controller::v1::JOB_OUTCOME_RUNNING:
      return "running";
    case controller::v1::JOB_OUTCOME_OK:
      return "ok";
    case controller::v1::JOB_OUTCOME_FAILED:
      return "failed";
    case controller::v1::JOB_OUTCOME_ABANDONED:
      return "abandoned";
    case controller::v1::JOB_OUTCOME_MISSED:
      return "missed";
    default:
      return "-";
  }
}

// A message of one line.
std::string MessageText(const JobRun& run) {
  const std::string& text = run.error().empty() ? run.result() : run.error();
  return text.substr(0, text.find('\n'));
}

std::string StateText(const Job& job) {
  if (job.running()) return "running";
  if (job.requested()) return "requested";
  return job.enabled() ? "enabled" : "disabled";
}

std::string ScheduleText(const Job& job) {
  const bool interval = job.schedule().starts_with("every");
  return interval ? job.schedule() : absl::StrCat(job.schedule(), " ", job.time_zone());
}

// Makes a call; the exit status if it fails.
template <typename Request, typename Response>
absl::Status CallController(const Session& session, const Request& request, Response* response) {
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return client.status();
  return client->Call(request, response);
}

int RunList(Session& session) {
  ListJobsResponse response;
  const absl::Status status = CallController(session, ListJobsRequest(), &response);
  if (!status.ok()) return Fail(session, status);
  session.out << (session.json ? JsonText(ToJson(response)) : JobsText(response));
  return std::any_of(response.jobs().begin(), response.jobs().end(), IsUnwell) ? kExitWarning
                                                                               : kExitOk;
}

Argument JobArgument(std::string& name) {
  return {.name = "JOB",
          .value = &name,
          .help = "its name, as `mentatctl jobs list` tells it",
          .required = true};
}

// A command that changes something about one job, and then tells it.
template <typename Request, typename Response>
Command ChangeCommand(Command command) {
  const auto name = std::make_shared<std::string>();
  command.arguments = {JobArgument(*name)};
  command.run = [name](Session& session) {
    Request request;
    request.set_name(*name);
    Response response;
    const absl::Status status = CallController(session, request, &response);
    if (!status.ok()) return Fail(session, status);
    if (session.json) {
      session.out << JsonText(ToJson(response));
    } else {
      session.out << Printable(response.job().name()) << ": " << StateText(response.job()) << "\n";
    }
    return kExitOk;
  };
  return command;
}

Command MakeHistoryCommand() {
  struct Options {
    std::string name;
    uint32_t limit = 0;
  };
  const auto options = std::make_shared<Options>();
  Command command{.name = "history",
                  .summary = "lists the runs of a job, newest first",
                  .examples = {"mentatctl jobs history storage/retention",
                               "mentatctl jobs history storage/retention --limit 100 --json"}};
  command.arguments = {JobArgument(options->name),
                       {.name = "--limit",
                        .value = &options->limit,
                        .help = "most runs to list; 20 by default",
                        .placeholder = "N"}};
  command.run = [options](Session& session) {
    ListJobRunsRequest request;
    request.set_name(options->name);
    request.set_limit(options->limit);
    ListJobRunsResponse response;
    const absl::Status status = CallController(session, request, &response);
    if (!status.ok()) return Fail(session, status);
    session.out << (session.json ? JsonText(ToJson(response)) : RunsText(response));
    return kExitOk;
  };
  return command;
}

}  // namespace

bool IsUnwell(const Job& job) {
  const auto outcome = job.last_run().outcome();
  return !job.available() || outcome == controller::v1::JOB_OUTCOME_FAILED ||
         outcome == controller::v1::JOB_OUTCOME_ABANDONED;
}

std::string JobsText(const ListJobsResponse& response) {
  Table table({"JOB", "SCHEDULE", "STATE", "NEXT", "LAST", "OUTCOME", "INSTANCE", "MESSAGE"});
  for (const Job& job : response.jobs()) {
    const JobRun& run = job.last_run();
    std::string message = MessageText(run);
    if (!job.available()) message = "no instance is there that can run it";
    table.Add({job.name(), ScheduleText(job), StateText(job),
               job.has_next_time() ? TimeText(job.next_time()) : "-",
               job.has_last_run() ? TimeText(run.start_time()) : "-", OutcomeText(run),
               job.has_last_run() ? run.instance() : "-", message});
  }
  return table.Format();
}

std::string RunsText(const ListJobRunsResponse& response) {
  Table table({"START", "FOR", ">TAKES", "OUTCOME", ">ATTEMPT", "INSTANCE", "MESSAGE"});
  for (const JobRun& run : response.runs()) {
    const bool missed = run.outcome() == controller::v1::JOB_OUTCOME_MISSED;
    std::string takes = "-";
    if (run.has_end_time() && !missed) {
      const auto seconds = [](const google::protobuf::Timestamp& time) {
        return static_cast<double>(time.seconds()) + time.nanos() / 1e9;
      };
      takes = AgeText(seconds(run.end_time()) - seconds(run.start_time()));
    }
    std::string due = run.has_due_time() ? TimeText(run.due_time()) : "request";
    if (missed) due = "-";
    table.Add({TimeText(run.start_time()), due, takes, OutcomeText(run),
               absl::StrCat(run.attempt()), run.instance(), MessageText(run)});
  }
  return table.Format();
}

Command MakeJobsCommand() {
  Command command{.name = "jobs",
                  .summary = "shows and steers scheduled jobs",
                  .examples = {"mentatctl jobs list", "mentatctl jobs run storage/retention"}};
  command.commands.push_back(
      {.name = "list",
       .summary = "lists the jobs, with their next and their last run",
       .description = "Exit status 1 if the last run of one did not end well, or if there is no\n"
                      "instance that can run it.\n",
       .examples = {"mentatctl jobs list", "mentatctl jobs list --json"},
       .run = RunList});
  command.commands.push_back(
      ChangeCommand<controller::v1::RunJobRequest, controller::v1::RunJobResponse>(
          {.name = "run",
           .summary = "lets a job run now, also one that is disabled",
           .description =
               "Answers at once; `mentatctl jobs history` tells how it went. If the job\n"
               "runs, it runs once more after that.\n",
           .examples = {"mentatctl jobs run storage/retention"}}));
  command.commands.push_back(
      ChangeCommand<controller::v1::EnableJobRequest, controller::v1::EnableJobResponse>(
          {.name = "enable",
           .summary = "lets a job run by its schedule, from its next time on",
           .examples = {"mentatctl jobs enable storage/retention"}}));
  command.commands.push_back(
      ChangeCommand<controller::v1::DisableJobRequest, controller::v1::DisableJobResponse>(
          {.name = "disable",
           .summary = "keeps a job from running by its schedule",
           .description = "A run that has begun goes on.\n",
           .examples = {"mentatctl jobs disable storage/retention"}}));
  command.commands.push_back(MakeHistoryCommand());
  return command;
}

}  // namespace mentat::mentatctl
