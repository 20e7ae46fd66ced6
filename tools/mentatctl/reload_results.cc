#include "tools/mentatctl/reload_results.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_join.h"
#include "google/rpc/status.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/results.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {

using controller::v1::ReloadResponse;
using controller::v1::ReloadResult;

int PrintReload(Session& session, const ReloadResponse& response) {
  if (session.json) {
    session.out << JsonText(ToJson(response));
    return kExitOk;
  }
  for (const ReloadResult& result : response.results()) {
    session.out << NameOf(result.result()) << ": " << (response.version() == 0 ? "right" : "done")
                << "\n";
    if (result.postponed_keys().empty()) continue;
    session.out << "  with its next start only: "
                << Printable(absl::StrJoin(result.postponed_keys(), ", ")) << "\n";
  }
  if (response.version() != 0) session.out << "reload " << response.version() << "\n";
  return kExitOk;
}

int PrintReloadError(Session& session, const absl::Status& status) {
  const int exit_status = Fail(session, status);
  if (!session.json) return exit_status;
  ReloadResponse response;
  google::rpc::Status details;
  if (const auto payload = status.GetPayload(Client::kDetails); payload.has_value()) {
    if (details.ParseFromString(std::string(*payload)) && details.details_size() > 0) {
      details.details(0).UnpackTo(&response);
    }
  }
  nlohmann::ordered_json json = ToJson(response);
  json["error"] = std::string(status.message());
  session.out << JsonText(json);
  return exit_status;
}

}  // namespace mentat::mentatctl
