#include "tools/mentatctl/config_diff.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "mentat/controller/v1/controller.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/config_values.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/program.h"
#include "tools/mentatctl/results.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/targets.h"

namespace mentat::mentatctl {
namespace {

struct Options {
  Targets targets;
  std::string file;
  std::string program;
};

// What a service would have in effect with this file; its own program tells.
absl::StatusOr<Config> ReadFile(const Options& options, const std::string& service) {
  ASSIGN_OR_RETURN(const std::string program,
                   FindProgram(options.program.empty() ? service : options.program));
  ASSIGN_OR_RETURN(const Ended ended,
                   RunProgram(program, {"--config", options.file, "--config-view"}));
  if (ended.exit_status != 0) {
    return absl::UnknownError(absl::StrCat(options.file, " cannot be compared: ", ended.errors));
  }
  return FromView(options.file, ended.output);
}

// One instance alone is compared with the defaults: whatever has another origin is not one.
std::vector<std::string> NotDefault(const Config& config) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : config.values) {
    if (value.origin != "default") keys.push_back(key);
  }
  return keys;
}

ConfigValue ValueOf(const Config& config, const std::string& key) {
  const auto it = config.values.find(key);
  return it == config.values.end() ? ConfigValue{"", ""} : it->second;
}

std::string Format(const std::vector<Config>& configs, const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) {
    Table table({key, "", ""});
    for (const Config& config : configs) {
      const auto [value, origin] = ValueOf(config, key);
      table.Add({"  " + config.name, value.empty() ? "-" : value,
                 origin.empty() ? "" : absl::StrCat("# ", origin)});
    }
    absl::StrAppend(&text, table.Format());
  }
  return text;
}

std::string Json(const std::vector<Config>& configs, const std::vector<std::string>& keys) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const std::string& key : keys) {
    nlohmann::ordered_json values = nlohmann::ordered_json::array();
    for (const Config& config : configs) {
      const auto [value, origin] = ValueOf(config, key);
      nlohmann::ordered_json each = {{"of", config.name}, {"value", nullptr}, {"origin", origin}};
      if (!value.empty()) each["value"] = nlohmann::ordered_json::parse(value, nullptr, false);
      values.push_back(std::move(each));
    }
    list.push_back({{"key", key}, {"values", std::move(values)}});
  }
  return JsonText({{"differences", std::move(list)}});
}

// The service that the instances are of, as the stage of the first one.
absl::StatusOr<std::string> ServiceOf(const Session& session, const std::string& stage) {
  ASSIGN_OR_RETURN(const Client client, Client::ToController(session));
  controller::v1::GetStatusRequest request;
  request.add_stages(stage);
  controller::v1::GetStatusResponse response;
  RETURN_IF_ERROR(client.Call(request, &response));
  for (const auto& each : response.stages()) {
    for (const auto& instance : each.instances()) {
      if (!instance.status().service().empty()) return instance.status().service();
    }
  }
  return absl::NotFoundError(absl::StrCat("no instance of ", stage, " has told its service"));
}

absl::StatusOr<controller::v1::GetConfigResponse> Ask(const Session& session,
                                                      const Options& options) {
  if (options.targets.empty()) {
    return absl::InvalidArgumentError("a TARGET is missing");
  }
  return CallSelected<controller::v1::GetConfigResponse>(session, options.targets,
                                                         controller::v1::GetConfigRequest());
}

int RunDiff(Session& session, const Options& options) {
  const auto response = Ask(session, options);
  if (!response.ok()) return Fail(session, response.status());
  if (const int failed = PrintFailures(session, response->instances()); failed != kExitOk) {
    return kExitCritical;
  }
  std::vector<Config> configs;
  if (!options.file.empty()) {
    absl::StatusOr<std::string> service =
        ServiceOf(session, response->instances(0).result().stage());
    if (!service.ok()) return Fail(session, service.status());
    absl::StatusOr<Config> file = ReadFile(options, *service);
    if (!file.ok()) return Fail(session, file.status());
    configs.push_back(*std::move(file));
  }
  for (const auto& instance : response->instances()) {
    configs.push_back(FromAnswer(NameOf(instance.result()), instance.answer()));
  }
  const std::vector<std::string> keys =
      configs.size() == 1 ? NotDefault(configs.front()) : Differences(configs);
  session.out << (session.json ? Json(configs, keys) : Format(configs, keys));
  return keys.empty() ? kExitOk : kExitWarning;
}

}  // namespace

Command MakeConfigDiffCommand() {
  const auto options = std::make_shared<Options>();
  Command command{
      .name = "diff",
      .summary = "shows in which keys configurations differ",
      .description =
          "Several instances are compared with each other, and with --file with what the file\n"
          "says; one alone with the defaults. Secrets are all \"***\". Exit status 1 if something\n"
          "differs, 2 if that could not be found out.\n",
      .examples = {"mentatctl config diff storage storage-2",
                   "mentatctl config diff inspector --file /etc/mentat/inspector.json",
                   "mentatctl config diff inspector-3"}};
  command.arguments = TargetArguments(options->targets, /*with_all=*/false);
  command.arguments.push_back({.name = "--file",
                               .value = &options->file,
                               .help = "a configuration file of the service",
                               .placeholder = "FILE",
                               .completes = Completes::kFiles});
  command.arguments.push_back({.name = "--program",
                               .value = &options->program,
                               .help = "the service's program, which reads the file; beside "
                                       "mentatctl or in PATH by default",
                               .placeholder = "FILE",
                               .completes = Completes::kFiles});
  command.run = [options](Session& session) { return RunDiff(session, *options); };
  return command;
}

}  // namespace mentat::mentatctl
