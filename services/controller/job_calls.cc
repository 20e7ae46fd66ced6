#include "services/controller/job_calls.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/jobs/job_table.h"
#include "services/controller/selection.h"

namespace mentat::controller {
namespace {

constexpr uint32_t kDefaultRuns = 20;
constexpr uint32_t kMostRuns = 1000;

void ToProto(absl::Time time, google::protobuf::Timestamp& proto) {
  const absl::Duration fraction = time - absl::FromUnixSeconds(absl::ToUnixSeconds(time));
  proto.set_seconds(absl::ToUnixSeconds(time));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(fraction)));
}

v1::JobOutcome ToProto(jobs::Outcome outcome) {
  switch (outcome) {
    case jobs::Outcome::kRunning:
      return v1::JOB_OUTCOME_RUNNING;
    case jobs::Outcome::kOk:
      return v1::JOB_OUTCOME_OK;
    case jobs::Outcome::kFailed:
      return v1::JOB_OUTCOME_FAILED;
    case jobs::Outcome::kAbandoned:
      return v1::JOB_OUTCOME_ABANDONED;
    case jobs::Outcome::kMissed:
      return v1::JOB_OUTCOME_MISSED;
  }
  return v1::JOB_OUTCOME_UNSPECIFIED;
}

void ToProto(const jobs::RunRecord& run, v1::JobRun& proto) {
  ToProto(run.start, *proto.mutable_start_time());
  if (run.end) ToProto(*run.end, *proto.mutable_end_time());
  if (run.due) ToProto(*run.due, *proto.mutable_due_time());
  proto.set_instance(run.instance);
  proto.set_outcome(ToProto(run.outcome));
  proto.set_attempt(static_cast<uint32_t>(run.attempt));
  const bool well = run.outcome == jobs::Outcome::kOk || run.outcome == jobs::Outcome::kRunning;
  (well ? proto.mutable_result() : proto.mutable_error())->assign(run.message);
}

void ToProto(const jobs::Job& job, v1::Job& proto) {
  proto.set_name(job.definition.name);
  proto.set_description(job.definition.description);
  proto.set_schedule(job.definition.schedule);
  proto.set_time_zone(job.definition.time_zone);
  proto.set_missed(job.definition.missed);
  proto.set_enabled(job.definition.enabled);
  proto.set_running(job.running);
  proto.set_requested(job.requested);
  proto.set_available(job.available);
  if (job.definition.enabled && job.next_due) ToProto(*job.next_due, *proto.mutable_next_time());
  if (job.last_run) ToProto(*job.last_run, *proto.mutable_last_run());
}

// Uses the database, or says why that cannot be.
grpc::Status Use(store::Pool* database,
                 const std::function<absl::Status(store::Connection&)>& action) {
  if (database == nullptr) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            "this controller knows no jobs: configure database.dsn"};
  }
  return ToGrpc(database->Use(action));
}

absl::Status Tell(store::Connection& connection, const std::string& name, v1::Job& proto) {
  ASSIGN_OR_RETURN(const jobs::Job job, jobs::GetJob(connection, name));
  ToProto(job, proto);
  return absl::OkStatus();
}

}  // namespace

grpc::Status JobCalls::List(v1::ListJobsResponse& response) {
  return Use(database_, [&](store::Connection& connection) {
    ASSIGN_OR_RETURN(const std::vector<jobs::Job> all, jobs::ListJobs(connection));
    for (const jobs::Job& job : all) ToProto(job, *response.add_jobs());
    return absl::OkStatus();
  });
}

grpc::Status JobCalls::Run(const v1::RunJobRequest& request, v1::RunJobResponse& response) {
  return Use(database_, [&](store::Connection& connection) {
    RETURN_IF_ERROR(jobs::RequestRun(connection, request.name()));
    return Tell(connection, request.name(), *response.mutable_job());
  });
}

grpc::Status JobCalls::Enable(const v1::EnableJobRequest& request,
                              v1::EnableJobResponse& response) {
  return Use(database_, [&](store::Connection& connection) {
    RETURN_IF_ERROR(jobs::SetEnabled(connection, request.name(), true));
    return Tell(connection, request.name(), *response.mutable_job());
  });
}

grpc::Status JobCalls::Disable(const v1::DisableJobRequest& request,
                               v1::DisableJobResponse& response) {
  return Use(database_, [&](store::Connection& connection) {
    RETURN_IF_ERROR(jobs::SetEnabled(connection, request.name(), false));
    return Tell(connection, request.name(), *response.mutable_job());
  });
}

grpc::Status JobCalls::ListRuns(const v1::ListJobRunsRequest& request,
                                v1::ListJobRunsResponse& response) {
  const uint32_t limit = request.limit() == 0 ? kDefaultRuns : std::min(request.limit(), kMostRuns);
  return Use(database_, [&](store::Connection& connection) {
    ASSIGN_OR_RETURN(const std::vector<jobs::RunRecord> runs,
                     jobs::ListRuns(connection, request.name(), static_cast<int>(limit)));
    for (const jobs::RunRecord& run : runs) ToProto(run, *response.add_runs());
    return absl::OkStatus();
  });
}

}  // namespace mentat::controller
