// The calls of the Controller service for dead letters: from gRPC to the database.
#ifndef SERVICES_CONTROLLER_DEAD_LETTER_CALLS_H_
#define SERVICES_CONTROLLER_DEAD_LETTER_CALLS_H_

#include "common/store/pool.h"
#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/replays.h"

namespace mentat::controller {

// Thread-safe. FAILED_PRECONDITION where no database is configured, UNAVAILABLE while it is away.
class DeadLetterCalls {
 public:
  // Both outlive the object; null without a database.
  DeadLetterCalls(store::Pool* pool, Replays* replays) : pool_(pool), replays_(replays) {}

  grpc::Status List(const v1::ListDeadLettersRequest& request,
                    v1::ListDeadLettersResponse& response);
  grpc::Status Count(const v1::CountDeadLettersRequest& request,
                     v1::CountDeadLettersResponse& response);
  grpc::Status Get(const v1::GetDeadLetterRequest& request, v1::GetDeadLetterResponse& response);
  grpc::Status Replay(const grpc::ServerContext& context,
                      const v1::ReplayDeadLettersRequest& request,
                      grpc::ServerWriter<v1::ReplayDeadLettersResponse>& writer);
  grpc::Status Discard(const v1::DiscardDeadLettersRequest& request,
                       v1::DiscardDeadLettersResponse& response);

 private:
  store::Pool* const pool_;
  Replays* const replays_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_DEAD_LETTER_CALLS_H_
