// The calls of the Controller service for the outbox: from gRPC to the database.
#ifndef SERVICES_CONTROLLER_OUTBOX_CALLS_H_
#define SERVICES_CONTROLLER_OUTBOX_CALLS_H_

#include "common/store/pool.h"
#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"

namespace mentat::controller {

// Thread-safe. FAILED_PRECONDITION where no database is configured, UNAVAILABLE while it is away.
class OutboxCalls {
 public:
  // `pool` outlives the object; null without a database.
  explicit OutboxCalls(store::Pool* pool) : pool_(pool) {}

  grpc::Status List(const v1::ListOutboxRequest& request, v1::ListOutboxResponse& response);
  grpc::Status Count(const v1::CountOutboxRequest& request, v1::CountOutboxResponse& response);
  grpc::Status Retry(const v1::RetryOutboxRequest& request, v1::RetryOutboxResponse& response);
  grpc::Status Discard(const v1::DiscardOutboxRequest& request,
                       v1::DiscardOutboxResponse& response);

 private:
  store::Pool* const pool_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_OUTBOX_CALLS_H_
