#include "tools/mentatctl/topology_command.h"

#include <string>

#include "absl/status/statusor.h"
#include "mentat/controller/v1/controller.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/topology_text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::GetTopologyResponse;

bool AllConnected(const GetTopologyResponse& topology) {
  for (const controller::v1::TopologyEdge& edge : topology.edges()) {
    if (edge.connected() < edge.connections() || !edge.unknown_endpoints().empty()) return false;
  }
  return true;
}

int RunTopology(Session& session) {
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return Fail(session, client.status());
  GetTopologyResponse topology;
  const absl::Status status = client->Call(controller::v1::GetTopologyRequest(), &topology);
  if (!status.ok()) return Fail(session, status);
  if (session.json) {
    session.out << JsonText(ToJson(topology));
  } else {
    session.out << NodesText(topology) << "\n" << EdgesText(topology);
  }
  return AllConnected(topology) ? kExitOk : kExitWarning;
}

}  // namespace

Command MakeTopologyCommand() {
  return {
      .name = "topology",
      .summary = "shows which stage sends to which, and how fast",
      .description =
          "FILL is how much of what may be sent and not acknowledged is: 100 % is a receiver that\n"
          "cannot keep up. Exit status 1 if a connection is down or leads to nobody known.\n",
      .examples = {"mentatctl topology", "mentatctl topology --json | jq '.edges[] | {from, to}'"},
      .run = RunTopology};
}

}  // namespace mentat::mentatctl
