#include "tools/mentatctl/version_command.h"

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/service/version.h"
#include "mentat/controller/v1/controller.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::GetStatusResponse;
using controller::v1::InstanceStatus;

template <typename Look>
void ForEach(const GetStatusResponse& response, const Look& look) {
  for (const controller::v1::StageStatus& stage : response.stages()) {
    for (const InstanceStatus& instance : stage.instances()) {
      if (instance.reachability() != controller::v1::REACHABILITY_GONE) look(stage, instance);
    }
  }
}

std::string Format(const GetStatusResponse& response) {
  Table table({"STAGE", "INSTANCE", "SERVICE", "VERSION", "SINCE"});
  ForEach(response, [&](const auto& stage, const InstanceStatus& instance) {
    const stage::v1::Status& status = instance.status();
    if (status.version().empty()) {
      table.Add({stage.name(), instance.address(), "-", "does not answer"});
    } else {
      table.Add({stage.name(), status.instance(), status.service(), status.version(),
                 TimeText(status.start_time())});
    }
  });
  return table.Format();
}

std::string Json(const GetStatusResponse& response) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  ForEach(response, [&](const auto& stage, const InstanceStatus& instance) {
    list.push_back({{"stage", stage.name()},
                    {"instance", instance.status().instance()},
                    {"address", instance.address()},
                    {"service", instance.status().service()},
                    {"version", instance.status().version()}});
  });
  return JsonText({{"mentatctl", std::string(service::kVersion)}, {"instances", std::move(list)}});
}

int RunVersion(Session& session, bool client_only) {
  if (!session.json) session.out << "mentatctl " << service::kVersion << "\n";
  GetStatusResponse response;
  absl::Status status;
  if (!client_only) {
    const absl::StatusOr<Client> client = Client::ToController(session);
    status =
        client.ok() ? client->Call(controller::v1::GetStatusRequest(), &response) : client.status();
  }
  if (session.json) {
    session.out << Json(response);
  } else if (status.ok() && !client_only) {
    session.out << "\n" << Format(response);
  }
  if (!status.ok()) return Fail(session, status);
  std::set<std::string> versions;
  ForEach(response, [&](const auto&, const InstanceStatus& instance) {
    versions.insert(instance.status().version());
  });
  return versions.size() > 1 ? kExitWarning : kExitOk;
}

}  // namespace

Command MakeVersionCommand() {
  const auto client_only = std::make_shared<bool>(false);
  return {.name = "version",
          .summary = "shows the versions of mentatctl and of all instances",
          .description = "Exit status 1 if not all instances have the same version.\n",
          .examples = {"mentatctl version", "mentatctl version --client"},
          .arguments = {{"--client", client_only.get(), "only that of mentatctl"}},
          .run = [client_only](Session& session) { return RunVersion(session, *client_only); }};
}

}  // namespace mentat::mentatctl
