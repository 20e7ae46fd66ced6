#include "tools/mentatctl/history_commands.h"

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "mentat/controller/v1/controller.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/reload_results.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::AuditRecord;
using controller::v1::ListAuditRecordsResponse;
using controller::v1::ListReloadsResponse;
using controller::v1::ReloadVersion;

std::string Format(const ListReloadsResponse& response) {
  Table table({">RELOAD", "TIME", "BY", ">INSTANCES", "FILES", "COMMENT"});
  for (const ReloadVersion& reload : response.reloads()) {
    std::string comment = reload.comment();
    if (reload.rollback_to() != 0) {
      comment =
          absl::StrCat("back to ", reload.rollback_to(), comment.empty() ? "" : ": ", comment);
    }
    table.Add({absl::StrCat(reload.version()), TimeText(reload.time()), reload.caller(),
               absl::StrCat(reload.digests_size()), reload.has_files() ? "kept" : "gone", comment});
  }
  return table.Format();
}

std::string Format(const ListAuditRecordsResponse& response) {
  Table table({"TIME", "BY", "FROM", "CALL", "RESULT", "REQUEST"});
  for (const AuditRecord& record : response.records()) {
    const std::string result = record.code() == 0 && record.error().empty()
                                   ? "ok"
                                   : record.error().substr(0, record.error().find('\n'));
    table.Add({TimeText(record.time()), record.caller(), record.peer(), record.call(), result,
               record.request()});
  }
  return table.Format();
}

// A command that lists something; `Request` has a limit.
template <typename Request, typename Response>
Command ListCommand(Command command) {
  const auto limit = std::make_shared<uint32_t>(0);
  command.arguments = {{.name = "--limit",
                        .value = limit.get(),
                        .help = "most to list; 20 or 50 by default",
                        .placeholder = "N"}};
  command.run = [limit](Session& session) {
    const absl::StatusOr<Client> client = Client::ToController(session);
    if (!client.ok()) return Fail(session, client.status());
    Request request;
    request.set_limit(*limit);
    Response response;
    const absl::Status status = client->Call(request, &response);
    if (!status.ok()) return Fail(session, status);
    session.out << (session.json ? JsonText(ToJson(response)) : Format(response));
    return kExitOk;
  };
  return command;
}

}  // namespace

Command MakeReloadsCommand() {
  return ListCommand<controller::v1::ListReloadsRequest, ListReloadsResponse>(
      {.name = "reloads",
       .summary = "lists the numbered reloads, newest first",
       .examples = {"mentatctl reloads", "mentatctl reloads --limit 5"}});
}

Command MakeRollbackCommand() {
  struct Options {
    uint32_t version = 0;
    std::string comment;
  };
  const auto options = std::make_shared<Options>();
  return {
      .name = "rollback",
      .summary = "puts the files of an earlier reload back, and reloads",
      .description = "If that fails anywhere, the files are again those from before the call.\n",
      .examples = {"mentatctl rollback 41", "mentatctl rollback 41 --comment 'rule 7 is wrong'"},
      .arguments = {{.name = "RELOAD",
                     .value = &options->version,
                     .help = "its number, as `mentatctl reloads` lists it",
                     .required = true},
                    {.name = "--comment",
                     .value = &options->comment,
                     .help = "why, for the record",
                     .placeholder = "TEXT"}},
      .run = [options](Session& session) {
        const absl::StatusOr<Client> client = Client::ToController(session);
        if (!client.ok()) return Fail(session, client.status());
        controller::v1::RollbackRequest request;
        request.set_version(options->version);
        request.set_comment(options->comment);
        controller::v1::RollbackResponse response;
        const absl::Status status = client->Call(request, &response, kReloadTimeout);
        if (!status.ok()) return PrintReloadError(session, status);
        controller::v1::ReloadResponse reload;
        reload.set_version(response.version());
        reload.mutable_results()->Swap(response.mutable_results());
        return PrintReload(session, reload);
      }};
}

Command MakeAuditCommand() {
  return ListCommand<controller::v1::ListAuditRecordsRequest, ListAuditRecordsResponse>(
      {.name = "audit",
       .summary = "lists what was changed by calls, and by whom, newest first",
       .examples = {"mentatctl audit", "mentatctl audit --limit 1000 --json"}});
}

}  // namespace mentat::mentatctl
