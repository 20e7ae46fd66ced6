#include "tools/mentatctl/status_command.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::InstanceStatus;
using controller::v1::StageStatus;
using nlohmann::ordered_json;

constexpr absl::Duration kStatusTimeout = absl::Seconds(30);
constexpr std::string_view kSeverityNames[] = {"ok", "warning", "critical"};

// `ready`, `not ready`, `unreachable`, …
std::string StateText(const InstanceStatus& instance) {
  switch (instance.reachability()) {
    case controller::v1::REACHABILITY_ANSWERED: {
      std::string name = stage::v1::State_Name(instance.status().state());
      name.erase(0, std::string_view("STATE_").size());
      return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", " "}});
    }
    case controller::v1::REACHABILITY_UNREACHABLE:
      return "unreachable";
    case controller::v1::REACHABILITY_GONE:
      return "gone";
    default:
      return "unknown";
  }
}

bool IsReady(const InstanceStatus& instance) {
  return instance.reachability() == controller::v1::REACHABILITY_ANSWERED &&
         instance.status().state() == stage::v1::STATE_READY;
}

Severity Judge(const StageStatus& stage) {
  const auto& instances = stage.instances();
  const bool any_ready = std::any_of(instances.begin(), instances.end(), IsReady);
  Severity worst = Severity::kCritical;  // without an instance
  bool counted = false;
  for (const InstanceStatus& instance : instances) {
    if (instance.reachability() == controller::v1::REACHABILITY_GONE) continue;
    Severity severity = Severity::kWarning;
    if (IsReady(instance)) {
      severity = Severity::kOk;
    } else if (instance.reachability() != controller::v1::REACHABILITY_ANSWERED ||
               (instance.status().state() == stage::v1::STATE_NOT_READY && !any_ready)) {
      severity = Severity::kCritical;
    }
    worst = counted ? std::max(worst, severity) : severity;
    counted = true;
  }
  return stage.error().empty() ? worst : std::max(worst, Severity::kWarning);
}

std::string InstanceName(const InstanceStatus& instance) {
  return instance.status().instance().empty() ? instance.address() : instance.status().instance();
}

// Why the instance is not ready, for people.
std::string Reason(const InstanceStatus& instance) {
  if (!instance.error().empty()) return instance.error();
  return instance.status().not_ready_reason();
}

constexpr char kDescription[] =
    "A line for each instance: what it is doing, events received a second and since it\n"
    "started, held, rejected, dropped, and the age of the oldest event held. Exit status:\n"
    "  0  all is well\n"
    "  1  an instance is paused, draining or not ready\n"
    "  2  an instance or the controller does not answer, a stage has no ready instance\n";

using Row = std::vector<std::string>;

Row InstanceRow(const StageStatus& stage, const InstanceStatus& instance) {
  Row row = {stage.name(), InstanceName(instance), StateText(instance)};
  if (!instance.status().has_ledger()) return row;
  const stage::v1::Ledger& ledger = instance.status().ledger();
  row.push_back(absl::StrFormat("%.1f", instance.status().received_per_second()));
  for (const uint64_t count :
       {ledger.received(), ledger.in_flight(), ledger.rejected(), ledger.dropped()}) {
    row.push_back(absl::StrCat(count));
  }
  row.push_back(AgeText(Seconds(instance.status().oldest_event_age())));
  return row;
}

ordered_json InstanceJson(const InstanceStatus& instance) {
  const stage::v1::Status& status = instance.status();
  ordered_json json = {{"instance", InstanceName(instance)},
                       {"address", instance.address()},
                       {"state", absl::StrReplaceAll(StateText(instance), {{" ", "_"}})},
                       {"reason", Reason(instance)},
                       {"age_seconds", Seconds(instance.age())},
                       {"version", status.version()},
                       {"pid", status.pid()},
                       {"start_time", status.start_time().seconds()},
                       {"memory_bytes", status.memory_bytes()}};
  if (status.has_ledger()) {
    const stage::v1::Ledger& ledger = status.ledger();
    json["received_per_second"] = status.received_per_second();
    json["received"] = ledger.received();
    json["forwarded"] = ledger.forwarded();
    json["dropped"] = ledger.dropped();
    json["rejected"] = ledger.rejected();
    json["stored"] = ledger.stored();
    json["retried"] = ledger.retried();
    json["in_flight"] = ledger.in_flight();
    json["resent_batches"] = status.resent_batches();
    json["late_acks"] = status.late_acks();
    json["oldest_event_seconds"] = Seconds(status.oldest_event_age());
    json["input"] = status.input_endpoint();
  }
  json["peers"] = ordered_json::array();
  for (const stage::v1::Peer& peer : status.peers()) {
    json["peers"].push_back({{"output", peer.output()},
                             {"endpoint", peer.endpoint()},
                             {"connected", peer.connected()},
                             {"outstanding_batches", peer.outstanding_batches()},
                             {"outstanding_events", peer.outstanding_events()},
                             {"oldest_seconds", Seconds(peer.oldest_age())}});
  }
  json["details"] = ordered_json::object();
  for (const auto& [name, text] : status.details()) json["details"][name] = text;
  return json;
}

absl::StatusOr<controller::v1::GetStatusResponse> FetchStatus(
    const Session& session, const std::vector<std::string>& stages) {
  ASSIGN_OR_RETURN(const Client client, Client::ToController(session));
  controller::v1::GetStatusRequest request;
  for (const std::string& stage : stages) request.add_stages(stage);
  controller::v1::GetStatusResponse response;
  RETURN_IF_ERROR(client.Call(request, &response, kStatusTimeout));
  return response;
}

}  // namespace

Severity Judge(const controller::v1::GetStatusResponse& response) {
  Severity worst = Severity::kOk;
  for (const StageStatus& stage : response.stages()) worst = std::max(worst, Judge(stage));
  return worst;
}

std::string FormatStatusTable(const controller::v1::GetStatusResponse& response) {
  Table table({"STAGE", "INSTANCE", "STATE", ">RATE/S", ">RECEIVED", ">IN FLIGHT", ">REJECTED",
               ">DROPPED", ">OLDEST"});
  std::string notes;
  for (const StageStatus& stage : response.stages()) {
    if (stage.instances().empty()) table.Add({stage.name(), "-", "no instance"});
    if (!stage.error().empty()) {
      absl::StrAppend(&notes, Printable(stage.name()), ": ", Printable(stage.error()), "\n");
    }
    for (const InstanceStatus& instance : stage.instances()) {
      table.Add(InstanceRow(stage, instance));
      if (IsReady(instance) || Reason(instance).empty()) continue;
      absl::StrAppend(&notes, Printable(InstanceName(instance)), ": ", Printable(Reason(instance)),
                      "\n");
    }
  }
  return absl::StrCat(table.Format(), notes.empty() ? "" : "\n", notes);
}

std::string FormatStatusJson(const controller::v1::GetStatusResponse& response) {
  ordered_json stages = ordered_json::array();
  for (const StageStatus& stage : response.stages()) {
    ordered_json instances = ordered_json::array();
    for (const InstanceStatus& instance : stage.instances()) {
      instances.push_back(InstanceJson(instance));
    }
    stages.push_back(
        {{"name", stage.name()}, {"error", stage.error()}, {"instances", std::move(instances)}});
  }
  const ordered_json json = {{"severity", kSeverityNames[static_cast<int>(Judge(response))]},
                             {"stages", std::move(stages)}};
  return JsonText(json);
}

Command MakeStatusCommand() {
  const auto stages = std::make_shared<std::vector<std::string>>();
  Command command{.name = "status",
                  .summary = "shows the stages, their instances and what they are doing",
                  .description = kDescription,
                  .examples = {"mentatctl status", "mentatctl status --stage storage",
                               "mentatctl --controller controller:5580 status --json | jq "
                               "'.stages[].name'"}};
  command.arguments = {{.name = "--stage",
                        .value = stages.get(),
                        .help = "only this stage; may be repeated",
                        .placeholder = "NAME",
                        .completes = Completes::kStages}};
  command.run = [stages](Session& session) {
    const absl::StatusOr<controller::v1::GetStatusResponse> response =
        FetchStatus(session, *stages);
    if (!response.ok()) return Fail(session, response.status());
    session.out << (session.json ? FormatStatusJson(*response) : FormatStatusTable(*response));
    return static_cast<int>(Judge(*response));
  };
  return command;
}

}  // namespace mentat::mentatctl
