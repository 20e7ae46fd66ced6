// The calls of the Controller service for scheduled jobs: from gRPC to the tables of the jobs.
#ifndef SERVICES_CONTROLLER_JOB_CALLS_H_
#define SERVICES_CONTROLLER_JOB_CALLS_H_

#include "common/store/pool.h"
#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"

namespace mentat::controller {

// Thread-safe. FAILED_PRECONDITION where no database is configured, UNAVAILABLE while it is away.
class JobCalls {
 public:
  // `database` may be null.
  explicit JobCalls(store::Pool* database) : database_(database) {}

  grpc::Status List(v1::ListJobsResponse& response);
  grpc::Status Run(const v1::RunJobRequest& request, v1::RunJobResponse& response);
  grpc::Status Enable(const v1::EnableJobRequest& request, v1::EnableJobResponse& response);
  grpc::Status Disable(const v1::DisableJobRequest& request, v1::DisableJobResponse& response);
  grpc::Status ListRuns(const v1::ListJobRunsRequest& request, v1::ListJobRunsResponse& response);

 private:
  store::Pool* const database_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_JOB_CALLS_H_
