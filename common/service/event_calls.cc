#include "common/service/event_calls.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"

namespace mentat::service {
namespace {

constexpr uint32_t kDefaultBatches = 100;
constexpr uint32_t kMaxBatches = 10'000;

stage::v1::InFlightBatch::Side ToProto(pipeline::InFlightBatch::Side side) {
  switch (side) {
    case pipeline::InFlightBatch::Side::kInput:
      return stage::v1::InFlightBatch::SIDE_INPUT;
    case pipeline::InFlightBatch::Side::kOutput:
      return stage::v1::InFlightBatch::SIDE_OUTPUT;
    case pipeline::InFlightBatch::Side::kWaiting:
      return stage::v1::InFlightBatch::SIDE_WAITING;
  }
  return stage::v1::InFlightBatch::SIDE_UNSPECIFIED;
}

}  // namespace

absl::Status NoPipeline() {
  return absl::FailedPreconditionError("this service takes no events: it has no pipeline");
}

void ToProto(const pipeline::Ledger& ledger, stage::v1::Ledger& proto) {
  proto.set_received(ledger.received);
  proto.set_forwarded(ledger.forwarded);
  proto.set_dropped(ledger.dropped);
  proto.set_rejected(ledger.rejected);
  proto.set_stored(ledger.stored);
  proto.set_retried(ledger.retried);
  proto.set_in_flight(ledger.in_flight);
}

absl::Status ListInFlight(pipeline::Stage* stage, const stage::v1::ListInFlightRequest& request,
                          stage::v1::ListInFlightResponse& response) {
  if (stage == nullptr) return NoPipeline();
  if (request.limit() > kMaxBatches) {
    return absl::InvalidArgumentError(
        absl::StrCat("limit: expected ", kMaxBatches, " at the most, got ", request.limit()));
  }
  const uint32_t limit = request.limit() == 0 ? kDefaultBatches : request.limit();
  ASSIGN_OR_RETURN(const pipeline::InFlight listed, stage->ListInFlight(limit));
  for (const pipeline::InFlightBatch& batch : listed.batches) {
    stage::v1::InFlightBatch& proto = *response.add_batches();
    proto.set_side(ToProto(batch.side));
    if (batch.epoch != 0) proto.set_epoch(absl::StrFormat("%016x", batch.epoch));
    proto.set_id(batch.id);
    proto.set_attempt(batch.attempt);
    proto.set_events(batch.events);
    proto.set_open_events(batch.open_events);
    proto.set_bytes(batch.bytes);
    const auto nanos = static_cast<int64_t>(std::max(batch.age_seconds, 0.0) * 1e9);
    proto.mutable_age()->set_seconds(nanos / 1'000'000'000);
    proto.mutable_age()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
    proto.set_output(batch.output);
    proto.set_peer(batch.peer);
    proto.set_begun(batch.begun);
    proto.set_isolated(batch.isolated);
  }
  response.set_not_listed(listed.not_listed);
  return absl::OkStatus();
}

absl::Status GetLedger(pipeline::Stage* stage, stage::v1::GetLedgerResponse& response) {
  if (stage == nullptr) return NoPipeline();
  const pipeline::StageStatus status = stage->Status();
  const pipeline::Ledger& ledger = status.ledger;
  ToProto(ledger, *response.mutable_ledger());
  response.set_difference(
      static_cast<int64_t>(ledger.received - (ledger.forwarded + ledger.dropped + ledger.rejected +
                                              ledger.stored + ledger.retried + ledger.in_flight)));
  for (const pipeline::OutputStatus& output : status.outputs) {
    stage::v1::OutputLedger& proto = *response.add_outputs();
    proto.set_output(output.name);
    proto.set_batches(output.batches);
    proto.set_events(output.events);
    proto.set_settled_events(output.settled_events);
    proto.set_resent_batches(output.resent_batches);
    proto.set_late_acks(output.late_acks);
    proto.set_given_up_events(output.given_up_events);
  }
  return absl::OkStatus();
}

}  // namespace mentat::service
