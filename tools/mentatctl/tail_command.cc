#include "tools/mentatctl/tail_command.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status_macros.h"
#include "mentat/controller/v1/controller.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/results.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/targets.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::TailEventsResponse;

struct Options {
  Targets targets;
  std::string filter;
  uint32_t limit = 0;
  uint32_t rate = 0;
  std::optional<double> sample;
};

// The stages at the end of the flow: whoever asks for nothing in particular wants to see each event
// once.
absl::StatusOr<controller::v1::Selection> LastStages(const Client& client) {
  controller::v1::GetTopologyResponse topology;
  RETURN_IF_ERROR(client.Call(controller::v1::GetTopologyRequest(), &topology));
  std::set<std::string> sends = {"controller"};
  for (const controller::v1::TopologyEdge& edge : topology.edges()) sends.insert(edge.from());
  controller::v1::Selection selection;
  for (const controller::v1::TopologyNode& node : topology.nodes()) {
    if (!sends.contains(node.stage()) && node.instances() > 0) selection.add_stages(node.stage());
  }
  return selection;
}

absl::StatusOr<controller::v1::TailEventsRequest> MakeRequest(const Client& client,
                                                              const Options& options) {
  controller::v1::TailEventsRequest request;
  if (options.targets.empty() && !options.targets.all) {
    ASSIGN_OR_RETURN(*request.mutable_selection(), LastStages(client));
  } else {
    ASSIGN_OR_RETURN(*request.mutable_selection(), ToSelection(client, options.targets));
  }
  request.mutable_tail()->set_filter(options.filter);
  request.mutable_tail()->set_limit(options.limit);
  request.mutable_tail()->set_max_per_second(options.rate);
  request.mutable_tail()->set_sample(options.sample.value_or(0));
  return request;
}

// The event with what the control plane says of it, on one line.
std::string WithContext(const TailEventsResponse& message) {
  const nlohmann::ordered_json tail = ToJson(message.tail());
  nlohmann::ordered_json line = {{"stage", message.stage()},
                                 {"instance", message.instance()},
                                 {"outcome", message.tail().outcome()},
                                 {"received_time", tail["received_time"]}};
  line["event"] = nlohmann::ordered_json::parse(message.tail().event(), nullptr,
                                                /*allow_exceptions=*/false);
  return JsonLine(line);
}

int RunTail(Session& session, const Options& options) {
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return Fail(session, client.status());
  const absl::StatusOr<controller::v1::TailEventsRequest> request = MakeRequest(*client, options);
  if (!request.ok()) return Fail(session, request.status());
  int exit_status = kExitOk;
  uint64_t shown = 0;
  TailEventsResponse message;
  const absl::Status status = client->Watch(*request, &message, [&] {
    if (message.has_ended()) {
      exit_status = std::max(exit_status, PrintFailure(session, message.ended()));
    } else if (!message.tail().event().empty()) {
      session.out << (session.json ? WithContext(message)
                                   : PrintableJson(message.tail().event()) + "\n");
      session.out.flush();
      ++shown;
    }
    return session.out.good() && (options.limit == 0 || shown < options.limit);
  });
  return status.ok() ? exit_status : Fail(session, status);
}

}  // namespace

Command MakeTailCommand() {
  const auto options = std::make_shared<Options>();
  Command command{
      .name = "tail",
      .summary = "shows events that pass, as they come, one a line",
      .description =
          "Events that the filter matches, as JSON; with --json each with its stage, instance and\n"
          "what became of it (forwarded, dropped, rejected, stored, retried). Stages are never\n"
          "slowed down: of more than a few thousand events a second a part is looked at. Without\n"
          "--stage or --instance it is those of the last stages of the flow.\n",
      .examples = {"mentatctl tail 'Category in [\"Recon.Scanning\"]'",
                   "mentatctl tail --stage inspector --json --limit 100 | jq .outcome",
                   "mentatctl tail 'Source.IP4 in [\"192.0.2.0/24\"]' --stage storage --limit 1"}};
  command.arguments = {
      {.name = "FILTER",
       .value = &options->filter,
       .help = "an expression of the filter language; all events without it"},
      {.name = "--stage",
       .value = &options->targets.stages,
       .help = "events of this stage; may be repeated",
       .placeholder = "NAME",
       .completes = Completes::kStages},
      {.name = "--instance",
       .value = &options->targets.instances,
       .help = "events of this instance; may be repeated",
       .placeholder = "NAME",
       .completes = Completes::kTargets},
      {.name = "--limit",
       .value = &options->limit,
       .help = "ends after so many events",
       .placeholder = "N"},
      {.name = "--rate",
       .value = &options->rate,
       .help = "most events a second of each instance; 100 by default, 1,000 at the most",
       .placeholder = "N"},
      {.name = "--sample",
       .value = &options->sample,
       .help = "shows each matching event with this probability",
       .placeholder = "P"}};
  command.run = [options](Session& session) { return RunTail(session, *options); };
  return command;
}

}  // namespace mentat::mentatctl
