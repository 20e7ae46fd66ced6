#include "common/service/reload_calls.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "google/protobuf/stubs/common.h"

namespace mentat::service {
namespace {

// A protobuf text is UTF-8; what is wrong with a file may quote bytes that are not.
std::string Text(const std::string& bytes) {
  if (google::protobuf::internal::IsStructurallyValidUTF8(bytes)) return bytes;
  return absl::CHexEscape(bytes);
}

}  // namespace

absl::Status PrepareReload(Reloader& reloader, const stage::v1::PrepareReloadRequest& request,
                           stage::v1::PrepareReloadResponse& response) {
  const absl::Duration hold = request.has_hold() ? absl::Seconds(request.hold().seconds()) +
                                                       absl::Nanoseconds(request.hold().nanos())
                                                 : Reloader::kDefaultHold;
  ASSIGN_OR_RETURN(Reloader::Prepared prepared, reloader.PrepareReload(request.reload_id(), hold));
  for (const std::string& error : prepared.errors) response.add_errors(Text(error));
  response.set_digest(prepared.digest);
  for (std::string& key : prepared.postponed_keys) response.add_postponed_keys(std::move(key));
  return absl::OkStatus();
}

absl::Status GetReloadFiles(Reloader& reloader, stage::v1::GetReloadFilesResponse& response) {
  ASSIGN_OR_RETURN(Reloader::Files files, reloader.ReadFiles());
  for (ReloadFiles::File& file : files.listing.files) {
    stage::v1::ReloadFile& proto = *response.add_files();
    proto.set_path(std::move(file.path));
    proto.set_absent(!file.content.has_value());
    if (file.content.has_value()) proto.set_content(*std::move(file.content));
  }
  for (std::string& path : files.listing.withheld) response.add_withheld(std::move(path));
  response.set_digest(files.digest);
  return absl::OkStatus();
}

absl::Status PutReloadFiles(Reloader& reloader, const stage::v1::PutReloadFilesRequest& request,
                            stage::v1::PutReloadFilesResponse& response) {
  std::vector<ReloadFiles::File> files;
  for (const stage::v1::ReloadFile& proto : request.files()) {
    ReloadFiles::File& file = files.emplace_back();
    file.path = proto.path();
    if (!proto.absent()) file.content = proto.content();
  }
  ASSIGN_OR_RETURN(const uint32_t changed, reloader.PutFiles(files));
  response.set_changed(changed);
  return absl::OkStatus();
}

}  // namespace mentat::service
