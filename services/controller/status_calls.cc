#include "services/controller/status_calls.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "common/base/steady_time.h"
#include "services/controller/selection.h"
#include "services/controller/topology.h"

namespace mentat::controller {
namespace {

constexpr absl::Duration kDefaultInterval = absl::Seconds(2);
constexpr absl::Duration kShortestInterval = absl::Milliseconds(500);
constexpr absl::Duration kLongestInterval = absl::Hours(1);

// Leaves the instances that are meant, those too that are gone, and the stages with one of them or
// named themselves. All of them where nothing is named.
void Narrow(const v1::Selection& selection,
            google::protobuf::RepeatedPtrField<v1::StageStatus>& of) {
  if (selection.stages().empty() && selection.instances().empty()) return;
  const std::set<std::string> stages(selection.stages().begin(), selection.stages().end());
  const std::set<std::string> names(selection.instances().begin(), selection.instances().end());
  google::protobuf::RepeatedPtrField<v1::StageStatus> left;
  for (v1::StageStatus& stage : of) {
    if (!stages.contains(stage.name())) {
      auto& instances = *stage.mutable_instances();
      instances.erase(std::remove_if(instances.begin(), instances.end(),
                                     [&](const v1::InstanceStatus& instance) {
                                       return !names.contains(instance.status().instance()) &&
                                              !names.contains(instance.address());
                                     }),
                      instances.end());
      if (instances.empty()) continue;
    }
    *left.Add() = std::move(stage);
  }
  of = std::move(left);
}

absl::Duration IntervalOf(const v1::WatchStatusRequest& request) {
  if (!request.has_interval()) return kDefaultInterval;
  const absl::Duration wanted =
      absl::Seconds(request.interval().seconds()) + absl::Nanoseconds(request.interval().nanos());
  return std::clamp(wanted, kShortestInterval, kLongestInterval);
}

}  // namespace

grpc::Status StatusCalls::ListStages(v1::ListStagesResponse& response) {
  response = poller_.Stages();
  if (!response.stages().empty()) return grpc::Status::OK;
  // The controller has just been started, and does not know them yet.
  poller_.WaitForRound().IgnoreError();
  response = poller_.Stages();
  return grpc::Status::OK;
}

grpc::Status StatusCalls::GetStatus(const v1::GetStatusRequest& request,
                                    v1::GetStatusResponse& response) {
  if (const absl::Status round = poller_.WaitForRound(); !round.ok()) return ToGrpc(round);
  response = poller_.Snapshot();
  v1::Selection selection;
  *selection.mutable_stages() = request.stages();
  Narrow(selection, *response.mutable_stages());
  return grpc::Status::OK;
}

grpc::Status StatusCalls::WatchStatus(const grpc::ServerContext& context,
                                      const v1::WatchStatusRequest& request,
                                      grpc::ServerWriter<v1::WatchStatusResponse>& writer) {
  const std::optional<Streams::Place> place = streams_.Enter();
  if (!place.has_value()) return Streams::TooMany();
  const absl::Duration interval = IntervalOf(request);
  absl::Duration next;
  do {
    next = SteadyNow() + interval;
    if (const absl::Status round = poller_.WaitForRound(); !round.ok()) return ToGrpc(round);
    v1::GetStatusResponse known = poller_.Snapshot();
    Narrow(request.selection(), *known.mutable_stages());
    v1::WatchStatusResponse response;
    *response.mutable_stages() = std::move(*known.mutable_stages());
    *response.mutable_time() = known.time();
    // Blocks while the reader is slow; what is written next is the newest state then.
    if (!writer.Write(response)) break;
  } while (streams_.WaitUntil(next, context));
  return grpc::Status::OK;
}

grpc::Status StatusCalls::GetTopology(v1::GetTopologyResponse& response) {
  if (const absl::Status round = poller_.WaitForRound(); !round.ok()) return ToGrpc(round);
  response = MakeTopology(poller_.Snapshot());
  return grpc::Status::OK;
}

}  // namespace mentat::controller
