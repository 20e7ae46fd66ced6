// The calls of StageAdmin about events and batches. Stateless functions, thread-safe.
#ifndef COMMON_SERVICE_EVENT_CALLS_H_
#define COMMON_SERVICE_EVENT_CALLS_H_

#include <functional>

#include "absl/status/status.h"
#include "common/pipeline/stage.h"
#include "mentat/stage/v1/stage_admin.pb.h"

namespace mentat::service {

// Of each, `stage` is null where the service has no pipeline: FailedPrecondition.
absl::Status ListInFlight(pipeline::Stage* stage, const stage::v1::ListInFlightRequest& request,
                          stage::v1::ListInFlightResponse& response);
absl::Status GetLedger(pipeline::Stage* stage, stage::v1::GetLedgerResponse& response);
// `write` may block, and returns whether to go on; `gone` is asked several times a second.
absl::Status TailEvents(pipeline::Stage* stage, const stage::v1::TailEventsRequest& request,
                        const std::function<bool(const stage::v1::TailEventsResponse&)>& write,
                        const std::function<bool()>& gone);

void ToProto(const pipeline::Ledger& ledger, stage::v1::Ledger& proto);
absl::Status NoPipeline();

}  // namespace mentat::service

#endif  // COMMON_SERVICE_EVENT_CALLS_H_
