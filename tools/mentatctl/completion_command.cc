#include "tools/mentatctl/completion_command.h"

#include <memory>
#include <set>
#include <sstream>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/cli/completion.h"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/session.h"

namespace mentat::mentatctl {
namespace {

// Nobody waits longer for a Tab.
constexpr absl::Duration kTimeout = absl::Seconds(1);

}  // namespace

Command MakeCompletionCommand() {
  const auto shell = std::make_shared<std::string>();
  return {.name = "completion",
          .summary = "prints what a shell needs to complete command lines of mentatctl",
          .description =
              "Stages and instances are completed where the controller answers within a second.\n",
          .examples = {"mentatctl completion bash > /etc/bash_completion.d/mentatctl",
                       "mentatctl completion zsh > \"${fpath[1]}/_mentatctl\"",
                       "mentatctl completion fish > ~/.config/fish/completions/mentatctl.fish"},
          .arguments = {{.name = "SHELL",
                         .value = shell.get(),
                         .help = "bash, zsh or fish",
                         .required = true,
                         .choices = {"bash", "zsh", "fish"}}},
          .run = [shell](Session& session) {
            const std::string script = CompletionScript(*shell);
            if (script.empty()) {
              return Fail(session,
                          absl::InvalidArgumentError("expected bash, zsh or fish, got " + *shell));
            }
            session.out << script;
            return kExitOk;
          }};
}

std::vector<std::string> FindNamesToComplete(const ConnectionFlags& flags,
                                             const Environment& environment, Completes kind) {
  absl::StatusOr<Connection> connection = MakeConnection(flags, environment);
  if (!connection.ok()) return {};
  std::stringstream none;
  const Session session{.connection = *std::move(connection), .in = none, .out = none, .err = none};
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return {};
  std::set<std::string> names;
  controller::v1::ListStagesResponse stages;
  if (client->Call(controller::v1::ListStagesRequest(), &stages, kTimeout).ok()) {
    for (const controller::v1::Stage& stage : stages.stages()) names.insert(stage.name());
  }
  controller::v1::GetStatusResponse status;
  if (kind == Completes::kTargets && !names.empty() &&
      client->Call(controller::v1::GetStatusRequest(), &status, kTimeout).ok()) {
    for (const controller::v1::StageStatus& stage : status.stages()) {
      for (const controller::v1::InstanceStatus& instance : stage.instances()) {
        if (!instance.status().instance().empty()) names.insert(instance.status().instance());
      }
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace mentat::mentatctl
