// The calls of StageAdmin about reloads, between their messages and the reloader. Thread-safe.
#ifndef COMMON_SERVICE_RELOAD_CALLS_H_
#define COMMON_SERVICE_RELOAD_CALLS_H_

#include "absl/status/status.h"
#include "common/service/reloader.h"
#include "mentat/stage/v1/stage_admin.pb.h"

namespace mentat::service {

absl::Status PrepareReload(Reloader& reloader, const stage::v1::PrepareReloadRequest& request,
                           stage::v1::PrepareReloadResponse& response);
absl::Status GetReloadFiles(Reloader& reloader, stage::v1::GetReloadFilesResponse& response);
absl::Status PutReloadFiles(Reloader& reloader, const stage::v1::PutReloadFilesRequest& request,
                            stage::v1::PutReloadFilesResponse& response);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_RELOAD_CALLS_H_
