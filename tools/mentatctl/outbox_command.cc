#include "tools/mentatctl/outbox_command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
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

using controller::v1::OutboxMessage;
using controller::v1::OutboxSelection;

constexpr uint32_t kPage = 1000;

struct Options {
  std::vector<std::string> ids;
  std::vector<std::string> kinds;
  std::vector<std::string> states;
  bool all = false;
  uint32_t limit = 100;
};

absl::StatusOr<OutboxSelection> ReadSelection(const Options& options) {
  OutboxSelection selection;
  for (const std::string& text : options.ids) {
    int64_t id = 0;
    if (!absl::SimpleAtoi(text, &id)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--id: the number of a message is expected, got ", text));
    }
    selection.add_ids(id);
  }
  selection.mutable_kinds()->Assign(options.kinds.begin(), options.kinds.end());
  selection.mutable_states()->Assign(options.states.begin(), options.states.end());
  return selection;
}

// Makes the call, with the selection in its request.
template <typename Request, typename Response>
absl::Status Call(const Session& session, const Options& options, Request request,
                  Response* response) {
  ASSIGN_OR_RETURN(const Client client, Client::ToController(session));
  ASSIGN_OR_RETURN(*request.mutable_selection(), ReadSelection(options));
  return client.Call(request, response);
}

int RunList(Session& session, const Options& options) {
  controller::v1::ListOutboxRequest request;
  controller::v1::ListOutboxResponse all;
  while (all.messages_size() < options.limit) {
    request.set_page_size(std::min(kPage, options.limit - all.messages_size()));
    controller::v1::ListOutboxResponse page;
    const absl::Status status = Call(session, options, request, &page);
    if (!status.ok()) return Fail(session, status);
    for (OutboxMessage& message : *page.mutable_messages()) {
      *all.add_messages() = std::move(message);
    }
    all.set_next_page_token(page.next_page_token());
    request.set_page_token(page.next_page_token());
    if (page.next_page_token().empty()) break;
  }
  if (session.json) {
    session.out << JsonText(ToJson(all));
    return kExitOk;
  }
  Table table({">ID", "KIND", "KEY", "STATE", ">ATTEMPTS", "WRITTEN", "DUE", "LAST ERROR"});
  for (const OutboxMessage& message : all.messages()) {
    table.Add({absl::StrCat(message.id()), message.kind(), message.key(), message.state(),
               absl::StrCat(message.attempts()), TimeText(message.enqueue_time()),
               message.state() == "pending" ? TimeText(message.due_time()) : "-",
               message.last_error().empty() ? "-" : message.last_error()});
  }
  session.out << (table.empty() ? "there are none\n" : table.Format());
  if (!all.next_page_token().empty()) session.err << "there are more: --limit\n";
  return kExitOk;
}

int RunCount(Session& session, const Options& options) {
  controller::v1::CountOutboxResponse counts;
  const absl::Status status = Call(session, options, controller::v1::CountOutboxRequest(), &counts);
  if (!status.ok()) return Fail(session, status);
  if (session.json) {
    session.out << JsonText(ToJson(counts));
    return kExitOk;
  }
  Table table({"KIND", "STATE", ">COUNT", "OLDEST"});
  for (const controller::v1::OutboxGroup& group : counts.groups()) {
    table.Add(
        {group.kind(), group.state(), absl::StrCat(group.count()), TimeText(group.first_time())});
  }
  session.out << (table.empty() ? "there are none\n" : table.Format());
  return kExitOk;
}

int RunRetry(Session& session, const Options& options) {
  controller::v1::RetryOutboxRequest request;
  request.set_all(options.all);
  controller::v1::RetryOutboxResponse response;
  const absl::Status status = Call(session, options, request, &response);
  if (!status.ok()) return Fail(session, status);
  if (session.json) {
    session.out << JsonText(ToJson(response));
  } else {
    session.out << response.retried() << " are due now\n";
  }
  return kExitOk;
}

int RunDiscard(Session& session, const Options& options) {
  controller::v1::DiscardOutboxRequest request;
  request.set_all(options.all);
  controller::v1::DiscardOutboxResponse response;
  const absl::Status status = Call(session, options, request, &response);
  if (!status.ok()) return Fail(session, status);
  if (session.json) {
    session.out << JsonText(ToJson(response));
  } else {
    session.out << response.discarded() << " discarded\n";
  }
  return kExitOk;
}

enum class More { kNothing, kLimit, kAll };

Command SelectionCommand(Command command, More more, int (*run)(Session&, const Options&)) {
  const auto options = std::make_shared<Options>();
  command.arguments = {
      {.name = "--id", .value = &options->ids, .help = "its number", .placeholder = "N"},
      {.name = "--kind",
       .value = &options->kinds,
       .help = "what it is: mail, ...",
       .placeholder = "KIND"},
      {.name = "--state",
       .value = &options->states,
       .help = "pending, delivered or failed",
       .placeholder = "STATE",
       .choices = {"pending", "delivered", "failed"}}};
  if (more == More::kLimit) {
    command.arguments.push_back({.name = "--limit",
                                 .value = &options->limit,
                                 .help = "most to list; 100 by default",
                                 .placeholder = "N"});
  } else if (more == More::kAll) {
    command.arguments.push_back(
        {.name = "--all", .value = &options->all, .help = "all of them, where nothing is chosen"});
  }
  command.run = [options, run](Session& session) { return run(session, *options); };
  return command;
}

}  // namespace

Command MakeOutboxCommand() {
  Command command{.name = "outbox",
                  .summary = "effects that wait for their delivery, such as mail",
                  .examples = {"mentatctl outbox count", "mentatctl outbox list --state failed"}};
  command.commands.push_back(
      SelectionCommand({.name = "list",
                        .summary = "lists them, newest first",
                        .examples = {"mentatctl outbox list --state failed --kind mail"}},
                       More::kLimit, RunList));
  command.commands.push_back(SelectionCommand({.name = "count",
                                               .summary = "counts them by kind and state",
                                               .examples = {"mentatctl outbox count"}},
                                              More::kNothing, RunCount));
  command.commands.push_back(
      SelectionCommand({.name = "retry",
                        .summary = "lets those that were given up be tried again",
                        .description = "Those that wait for another attempt are due at once.\n",
                        .examples = {"mentatctl outbox retry --state failed"}},
                       More::kAll, RunRetry));
  command.commands.push_back(SelectionCommand({.name = "discard",
                                               .summary = "deletes them for good",
                                               .examples = {"mentatctl outbox discard --id 17"}},
                                              More::kAll, RunDiscard));
  return command;
}

}  // namespace mentat::mentatctl
