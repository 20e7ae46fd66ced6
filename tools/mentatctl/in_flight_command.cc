#include "tools/mentatctl/in_flight_command.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mentat/controller/v1/controller.pb.h"
#include "mentat/stage/v1/stage_admin.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/results.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/targets.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::InstanceInFlight;
using controller::v1::ListInFlightResponse;
using stage::v1::InFlightBatch;

std::string SideOf(const InFlightBatch& batch) {
  switch (batch.side()) {
    case InFlightBatch::SIDE_INPUT:
      return batch.isolated() ? "alone" : batch.begun() ? "at work" : "held";
    case InFlightBatch::SIDE_OUTPUT:
      return "sent";
    case InFlightBatch::SIDE_WAITING:
      return "waits";
    default:
      return "?";
  }
}

std::string Format(const ListInFlightResponse& response) {
  Table table({"INSTANCE", "STATE", "OUTPUT", "PEER", "BATCH", ">ATTEMPT", ">EVENTS", ">OPEN",
               ">SIZE", ">AGE"});
  std::string more;
  for (const InstanceInFlight& each : response.instances()) {
    const std::string name = NameOf(each.result());
    for (const InFlightBatch& batch : each.answer().batches()) {
      table.Add({name, SideOf(batch), batch.output().empty() ? "-" : batch.output(),
                 batch.peer().empty() ? "-" : batch.peer(),
                 absl::StrCat(batch.epoch(), ":", batch.id()), absl::StrCat(batch.attempt()),
                 absl::StrCat(batch.events()), absl::StrCat(batch.open_events()),
                 BytesText(batch.bytes()), AgeText(Seconds(batch.age()))});
    }
    if (each.answer().not_listed() > 0) {
      absl::StrAppend(&more, name, ": ", each.answer().not_listed(), " more\n");
    }
  }
  return table.empty() ? "nothing is in flight\n" : absl::StrCat(table.Format(), more);
}

}  // namespace

Command MakeInFlightCommand() {
  struct Options {
    Targets targets;
    uint32_t limit = 0;
  };
  const auto options = std::make_shared<Options>();
  Command command{
      .name = "in-flight",
      .summary = "lists the batches that instances hold and have sent, oldest first",
      .description =
          "`held` and `at work` came from upstream, `alone` is tried alone because its worker "
          "died;\n"
          "`sent` is not acknowledged, `waits` has no peer with room.\n",
      .examples = {"mentatctl in-flight storage", "mentatctl in-flight --limit 5 --json"}};
  command.arguments = TargetArguments(options->targets, /*with_all=*/false);
  command.arguments.push_back({.name = "--limit",
                               .value = &options->limit,
                               .help = "most batches of each instance; 100 by default",
                               .placeholder = "N"});
  command.run = [options](Session& session) {
    controller::v1::ListInFlightRequest request;
    request.set_limit(options->limit);
    const auto response = CallSelected<ListInFlightResponse>(session, options->targets, request);
    if (!response.ok()) return Fail(session, response.status());
    session.out << (session.json ? JsonText(ToJson(*response)) : Format(*response));
    return PrintFailures(session, response->instances());
  };
  return command;
}

}  // namespace mentat::mentatctl
