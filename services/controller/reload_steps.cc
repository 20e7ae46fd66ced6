#include "services/controller/reload_steps.h"

#include <algorithm>
#include <random>

#include "absl/strings/str_format.h"

namespace mentat::controller {
namespace {

using Stub = Clients::Stub;

// What is prepared is kept while all others prepare, their files are read, and the commit is made.
constexpr int kHoldTimeouts = 4;
constexpr absl::Duration kMaxHold = absl::Minutes(10);

}  // namespace

std::string NewReloadId() {
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(), random());
}

std::vector<Answer<stage::v1::PrepareReloadResponse>> ReloadSteps::Prepare(
    std::span<const Target> targets, const std::string& id) const {
  stage::v1::PrepareReloadRequest request;
  request.set_reload_id(id);
  const absl::Duration hold = std::min(kMaxHold, reload_timeout_ * kHoldTimeouts + call_timeout_);
  request.mutable_hold()->set_seconds(absl::ToInt64Seconds(absl::Ceil(hold, absl::Seconds(1))));
  return FanOut(clients_, targets, &Stub::AsyncPrepareReload, request, reload_timeout_);
}

std::vector<Answer<stage::v1::CommitReloadResponse>> ReloadSteps::Commit(
    std::span<const Target> targets, const std::string& id, uint64_t version) const {
  stage::v1::CommitReloadRequest request;
  request.set_reload_id(id);
  request.set_version(version);
  return FanOut(clients_, targets, &Stub::AsyncCommitReload, request, call_timeout_);
}

void ReloadSteps::Abort(std::span<const Target> targets, const std::string& id) const {
  stage::v1::AbortReloadRequest request;
  request.set_reload_id(id);
  FanOut(clients_, targets, &Stub::AsyncAbortReload, request, call_timeout_);
}

std::vector<Answer<stage::v1::GetReloadFilesResponse>> ReloadSteps::GetFiles(
    std::span<const Target> targets) const {
  return FanOut(clients_, targets, &Stub::AsyncGetReloadFiles, stage::v1::GetReloadFilesRequest(),
                reload_timeout_);
}

std::vector<Answer<stage::v1::PutReloadFilesResponse>> ReloadSteps::PutFiles(
    std::span<const Target> targets, std::span<const state::v1::InstanceFiles> files) const {
  std::vector<stage::v1::PutReloadFilesRequest> requests(targets.size());
  for (size_t i = 0; i < requests.size(); ++i) *requests[i].mutable_files() = files[i].files();
  return FanOut(clients_, targets, &Stub::AsyncPutReloadFiles,
                std::span<const stage::v1::PutReloadFilesRequest>(requests), reload_timeout_);
}

}  // namespace mentat::controller
