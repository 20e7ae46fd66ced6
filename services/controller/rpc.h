// The gRPC service Controller: each call goes to the object that does it.
#ifndef SERVICES_CONTROLLER_RPC_H_
#define SERVICES_CONTROLLER_RPC_H_

#include <cstdint>
#include <string>
#include <utility>

#include "common/service/access/audit_file.h"
#include "common/service/access/gate.h"
#include "common/service/access/server_credentials.h"
#include "mentat/controller/v1/controller.grpc.pb.h"
#include "services/controller/dead_letter_calls.h"
#include "services/controller/instance_calls.h"
#include "services/controller/job_calls.h"
#include "services/controller/outbox_calls.h"
#include "services/controller/reloads.h"
#include "services/controller/status_calls.h"
#include "services/controller/tail_calls.h"
#include "services/controller/workload_calls.h"

namespace mentat::controller {

// Thread-safe.
class Rpc final : public v1::Controller::Service {
 public:
  // All outlive the object.
  struct Parts {
    StatusCalls& status;
    InstanceCalls& instances;
    TailCalls& tail;
    Reloads& reloads;
    service::AuditFile& audit;
    service::Gate& gate;
    WorkloadCalls& workloads;
    DeadLetterCalls& dead_letters;
    JobCalls& jobs;
    OutboxCalls& outbox;
  };
  explicit Rpc(const Parts& parts) : parts_(parts) {}

  grpc::Status ListStages(grpc::ServerContext*, const v1::ListStagesRequest*,
                          v1::ListStagesResponse* response) override {
    return parts_.status.ListStages(*response);
  }
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override {
    return parts_.status.GetStatus(*request, *response);
  }
  grpc::Status WatchStatus(grpc::ServerContext* context, const v1::WatchStatusRequest* request,
                           grpc::ServerWriter<v1::WatchStatusResponse>* writer) override {
    return parts_.status.WatchStatus(*context, *request, *writer);
  }
  grpc::Status GetTopology(grpc::ServerContext*, const v1::GetTopologyRequest*,
                           v1::GetTopologyResponse* response) override {
    return parts_.status.GetTopology(*response);
  }

  grpc::Status Pause(grpc::ServerContext*, const v1::PauseRequest* request,
                     v1::PauseResponse* response) override {
    return parts_.instances.Pause(*request, *response);
  }
  grpc::Status Resume(grpc::ServerContext*, const v1::ResumeRequest* request,
                      v1::ResumeResponse* response) override {
    return parts_.instances.Resume(*request, *response);
  }
  grpc::Status Drain(grpc::ServerContext*, const v1::DrainRequest* request,
                     v1::DrainResponse* response) override {
    return parts_.instances.Drain(*request, *response);
  }
  grpc::Status SetLogLevel(grpc::ServerContext*, const v1::SetLogLevelRequest* request,
                           v1::SetLogLevelResponse* response) override {
    return parts_.instances.SetLogLevel(*request, *response);
  }
  grpc::Status GetConfig(grpc::ServerContext*, const v1::GetConfigRequest* request,
                         v1::GetConfigResponse* response) override {
    return parts_.instances.GetConfig(*request, *response);
  }
  grpc::Status ListInFlight(grpc::ServerContext*, const v1::ListInFlightRequest* request,
                            v1::ListInFlightResponse* response) override {
    return parts_.instances.ListInFlight(*request, *response);
  }
  grpc::Status GetLedger(grpc::ServerContext*, const v1::GetLedgerRequest* request,
                         v1::GetLedgerResponse* response) override {
    return parts_.instances.GetLedger(*request, *response);
  }
  grpc::Status DumpRunlog(grpc::ServerContext*, const v1::DumpRunlogRequest* request,
                          v1::DumpRunlogResponse* response) override {
    return parts_.instances.DumpRunlog(*request, *response);
  }

  grpc::Status ListWorkloads(grpc::ServerContext*, const v1::ListWorkloadsRequest* request,
                             v1::ListWorkloadsResponse* response) override {
    return parts_.workloads.List(*request, *response);
  }
  grpc::Status Start(grpc::ServerContext*, const v1::StartRequest* request,
                     v1::StartResponse* response) override {
    return parts_.workloads.Start(*request, *response);
  }
  grpc::Status Stop(grpc::ServerContext*, const v1::StopRequest* request,
                    v1::StopResponse* response) override {
    return parts_.workloads.Stop(*request, *response);
  }
  grpc::Status Restart(grpc::ServerContext*, const v1::RestartRequest* request,
                       v1::RestartResponse* response) override {
    return parts_.workloads.Restart(*request, *response);
  }
  grpc::Status Scale(grpc::ServerContext*, const v1::ScaleRequest* request,
                     v1::ScaleResponse* response) override {
    return parts_.workloads.Scale(*request, *response);
  }
  grpc::Status ListDeadLetters(grpc::ServerContext*, const v1::ListDeadLettersRequest* request,
                               v1::ListDeadLettersResponse* response) override {
    return parts_.dead_letters.List(*request, *response);
  }
  grpc::Status CountDeadLetters(grpc::ServerContext*, const v1::CountDeadLettersRequest* request,
                                v1::CountDeadLettersResponse* response) override {
    return parts_.dead_letters.Count(*request, *response);
  }
  grpc::Status GetDeadLetter(grpc::ServerContext*, const v1::GetDeadLetterRequest* request,
                             v1::GetDeadLetterResponse* response) override {
    return parts_.dead_letters.Get(*request, *response);
  }
  grpc::Status ReplayDeadLetters(
      grpc::ServerContext* context, const v1::ReplayDeadLettersRequest* request,
      grpc::ServerWriter<v1::ReplayDeadLettersResponse>* writer) override {
    return parts_.dead_letters.Replay(*context, *request, *writer);
  }
  grpc::Status DiscardDeadLetters(grpc::ServerContext*,
                                  const v1::DiscardDeadLettersRequest* request,
                                  v1::DiscardDeadLettersResponse* response) override {
    return parts_.dead_letters.Discard(*request, *response);
  }

  grpc::Status ListOutbox(grpc::ServerContext*, const v1::ListOutboxRequest* request,
                          v1::ListOutboxResponse* response) override {
    return parts_.outbox.List(*request, *response);
  }
  grpc::Status CountOutbox(grpc::ServerContext*, const v1::CountOutboxRequest* request,
                           v1::CountOutboxResponse* response) override {
    return parts_.outbox.Count(*request, *response);
  }
  grpc::Status RetryOutbox(grpc::ServerContext*, const v1::RetryOutboxRequest* request,
                           v1::RetryOutboxResponse* response) override {
    return parts_.outbox.Retry(*request, *response);
  }
  grpc::Status DiscardOutbox(grpc::ServerContext*, const v1::DiscardOutboxRequest* request,
                             v1::DiscardOutboxResponse* response) override {
    return parts_.outbox.Discard(*request, *response);
  }

  grpc::Status ListAuditRecords(grpc::ServerContext*, const v1::ListAuditRecordsRequest* request,
                                v1::ListAuditRecordsResponse* response) override {
    constexpr uint32_t kDefault = 50;
    const uint32_t limit = request->limit() == 0 ? kDefault : request->limit();
    for (v1::AuditRecord& record : parts_.audit.List(limit)) {
      *response->add_records() = std::move(record);
    }
    return grpc::Status::OK;
  }

  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                        v1::ListJobsResponse* response) override {
    return parts_.jobs.List(*response);
  }
  grpc::Status RunJob(grpc::ServerContext*, const v1::RunJobRequest* request,
                      v1::RunJobResponse* response) override {
    return parts_.jobs.Run(*request, *response);
  }
  grpc::Status EnableJob(grpc::ServerContext*, const v1::EnableJobRequest* request,
                         v1::EnableJobResponse* response) override {
    return parts_.jobs.Enable(*request, *response);
  }
  grpc::Status DisableJob(grpc::ServerContext*, const v1::DisableJobRequest* request,
                          v1::DisableJobResponse* response) override {
    return parts_.jobs.Disable(*request, *response);
  }
  grpc::Status ListJobRuns(grpc::ServerContext*, const v1::ListJobRunsRequest* request,
                           v1::ListJobRunsResponse* response) override {
    return parts_.jobs.ListRuns(*request, *response);
  }

  grpc::Status TailEvents(grpc::ServerContext* context, const v1::TailEventsRequest* request,
                          grpc::ServerWriter<v1::TailEventsResponse>* writer) override {
    return parts_.tail.TailEvents(*context, *request, *writer);
  }

  grpc::Status Reload(grpc::ServerContext* context, const v1::ReloadRequest* request,
                      v1::ReloadResponse* response) override {
    return parts_.reloads.Reload(*request, CallerOf(*context), *response);
  }
  grpc::Status ListReloads(grpc::ServerContext*, const v1::ListReloadsRequest* request,
                           v1::ListReloadsResponse* response) override {
    return parts_.reloads.ListReloads(*request, *response);
  }
  grpc::Status Rollback(grpc::ServerContext* context, const v1::RollbackRequest* request,
                        v1::RollbackResponse* response) override {
    return parts_.reloads.Rollback(*request, CallerOf(*context), *response);
  }

 private:
  // By whom, for the record.
  std::string CallerOf(const grpc::ServerContext& context) const {
    return service::DescribeCaller(parts_.gate, context);
  }

  const Parts parts_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_RPC_H_
