#include "tools/mentatctl/ledger_command.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "mentat/controller/v1/controller.pb.h"
#include "mentat/stage/v1/stage_admin.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/results.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/targets.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::GetLedgerResponse;
using controller::v1::InstanceLedger;

// A line for each instance, below a line for each output, below what went wrong.
std::string Format(const GetLedgerResponse& response) {
  Table instances({"INSTANCE", ">RECEIVED", ">FORWARDED", ">STORED", ">DROPPED", ">REJECTED",
                   ">RETRIED", ">IN FLIGHT", ">MISSING"});
  Table outputs({"INSTANCE", "OUTPUT", ">EVENTS", ">SETTLED", ">BATCHES", ">RESENT", ">LATE ACKS",
                 ">GIVEN UP"});
  for (const InstanceLedger& each : response.instances()) {
    if (each.result().code() != 0) continue;
    const std::string name = NameOf(each.result());
    const stage::v1::Ledger& ledger = each.answer().ledger();
    instances.Add({name, absl::StrCat(ledger.received()), absl::StrCat(ledger.forwarded()),
                   absl::StrCat(ledger.stored()), absl::StrCat(ledger.dropped()),
                   absl::StrCat(ledger.rejected()), absl::StrCat(ledger.retried()),
                   absl::StrCat(ledger.in_flight()), absl::StrCat(each.answer().difference())});
    for (const stage::v1::OutputLedger& output : each.answer().outputs()) {
      outputs.Add({name, output.output(), absl::StrCat(output.events()),
                   absl::StrCat(output.settled_events()), absl::StrCat(output.batches()),
                   absl::StrCat(output.resent_batches()), absl::StrCat(output.late_acks()),
                   absl::StrCat(output.given_up_events())});
    }
  }
  std::string text = instances.Format();
  if (!outputs.empty()) absl::StrAppend(&text, "\n", outputs.Format());
  return text;
}

int RunLedger(Session& session, const Targets& targets) {
  const auto response =
      CallSelected<GetLedgerResponse>(session, targets, controller::v1::GetLedgerRequest());
  if (!response.ok()) return Fail(session, response.status());
  session.out << (session.json ? JsonText(ToJson(*response)) : Format(*response));
  const int exit_status = PrintFailures(session, response->instances());
  const bool missing =
      std::any_of(response->instances().begin(), response->instances().end(),
                  [](const InstanceLedger& each) { return each.answer().difference() != 0; });
  return missing ? kExitCritical : exit_status;
}

}  // namespace

Command MakeLedgerCommand() {
  const auto targets = std::make_shared<Targets>();
  return {
      .name = "ledger",
      .summary = "shows where the events of instances went",
      .description =
          "MISSING is what was received less all the others, and 0 unless the program is faulty.\n"
          "Exit status 2 if anything is missing, 1 if an instance did not answer.\n",
      .examples = {"mentatctl ledger", "mentatctl ledger storage --json"},
      .arguments = TargetArguments(*targets, /*with_all=*/false),
      .run = [targets](Session& session) { return RunLedger(session, *targets); }};
}

}  // namespace mentat::mentatctl
