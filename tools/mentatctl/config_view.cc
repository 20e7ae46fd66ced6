#include "tools/mentatctl/config_view.h"

#include <memory>
#include <string>
#include <utility>

#include "mentat/controller/v1/controller.pb.h"
#include "mentat/stage/v1/stage_admin.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/results.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/targets.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

struct Options {
  Targets targets;
  bool changed = false;
  std::string key;
};

bool IsWanted(const stage::v1::ConfigEntry& entry, const Options& options) {
  if (options.changed && entry.origin() == "default") return false;
  return options.key.empty() || entry.path() == options.key ||
         entry.path().starts_with(options.key + ".");
}

int RunView(Session& session, const Options& options) {
  const auto response = CallSelected<controller::v1::GetConfigResponse>(
      session, options.targets, controller::v1::GetConfigRequest());
  if (!response.ok()) return Fail(session, response.status());
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const controller::v1::InstanceConfig& instance : response->instances()) {
    if (instance.result().code() != 0) continue;
    nlohmann::ordered_json entries = nlohmann::ordered_json::array();
    if (!session.json && response->instances_size() > 1) {
      session.out << (list.empty() ? "# " : "\n# ") << NameOf(instance.result()) << "\n";
    }
    for (const stage::v1::ConfigEntry& entry : instance.answer().entries()) {
      if (!IsWanted(entry, options)) continue;
      if (session.json) {
        entries.push_back({{"key", entry.path()},
                           {"value", nlohmann::ordered_json::parse(entry.value(), nullptr, false)},
                           {"origin", entry.origin()}});
      } else {
        session.out << Printable(entry.path()) << " = " << Printable(entry.value()) << "  # "
                    << Printable(entry.origin()) << "\n";
      }
    }
    list.push_back({{"stage", instance.result().stage()},
                    {"instance", NameOf(instance.result())},
                    {"entries", std::move(entries)}});
  }
  if (session.json) session.out << JsonText({{"instances", std::move(list)}});
  return PrintFailures(session, response->instances());
}

}  // namespace

Command MakeConfigViewCommand() {
  const auto options = std::make_shared<Options>();
  Command command{.name = "view",
                  .summary = "prints each value in effect with its origin",
                  .description = "Secrets are shown as \"***\".\n",
                  .examples = {"mentatctl config view storage",
                               "mentatctl config view --all --changed --key pipeline"}};
  command.arguments = TargetArguments(options->targets, /*with_all=*/true);
  command.arguments.push_back({.name = "--changed",
                               .value = &options->changed,
                               .help = "only values that are not the default"});
  command.arguments.push_back({.name = "--key",
                               .value = &options->key,
                               .help = "only this key and those below it",
                               .placeholder = "KEY"});
  command.run = [options](Session& session) { return RunView(session, *options); };
  return command;
}

}  // namespace mentat::mentatctl
