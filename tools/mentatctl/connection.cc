#include "tools/mentatctl/connection.h"

#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/secret_file.h"
#include "common/base/status_macros.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"

namespace mentat::mentatctl {
namespace {

constexpr std::string_view kDefaultController = "127.0.0.1:5580";

struct Setting {
  std::string name;  // `ca_file`
  std::string placeholder;
  std::string help;
};

const std::vector<Setting>& Settings() {
  static const auto& settings = *new std::vector<Setting>{
      {"controller", "HOST:PORT", "the controller's admin address; 127.0.0.1:5580 by default"},
      {"ca_file", "FILE", "authorities of the servers' certificates; without it all is plain"},
      {"cert_file", "FILE", "certificate to show"},
      {"key_file", "FILE", "the private key to it"},
      {"token_file", "FILE", "token to send"},
      {"server_name", "NAME", "name in the servers' certificates, if not that of the address"},
  };
  return settings;
}

std::string FlagOf(const std::string& name) {
  return absl::StrCat("--", absl::StrReplaceAll(name, {{"_", "-"}}));
}

std::string VariableOf(const std::string& name) {
  return absl::StrCat("MENTATCTL_", absl::AsciiStrToUpper(name));
}

// The file with settings; empty if there is none.
absl::StatusOr<std::string> FindFile(const Environment& environment) {
  if (std::string named = environment("MENTATCTL_CONFIG"); !named.empty()) return named;
  std::string folder = environment("XDG_CONFIG_HOME");
  if (folder.empty()) {
    if (environment("HOME").empty()) return "";
    folder = environment("HOME") + "/.config";
  }
  std::string path = folder + "/mentat/mentatctl.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return "";
  return path;
}

absl::StatusOr<Connection> ReadFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path));
  Connection connection;
  nlohmann::json file = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false,
                                              /*ignore_comments=*/true);
  if (!file.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a JSON object"));
  }
  if (const auto it = file.find("controller"); it != file.end()) {
    if (!it->is_string()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": controller: expected host:port"));
    }
    connection.controller = it->get<std::string>();
    file.erase(it);
  }
  const auto status = google::protobuf::util::JsonStringToMessage(file.dump(), &connection.client);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", status.ToString()));
  }
  return connection;
}

void Apply(const std::string& name, std::string value, Connection& connection) {
  if (name == "controller") {
    connection.controller = std::move(value);
    return;
  }
  const auto* field = config::v1::AdminClientConfig::descriptor()->FindFieldByName(name);
  connection.client.GetReflection()->SetString(&connection.client, field, std::move(value));
}

}  // namespace

std::vector<Argument> ConnectionArguments(ConnectionFlags& flags) {
  std::vector<Argument> arguments;
  for (const Setting& setting : Settings()) {
    arguments.push_back(
        {FlagOf(setting.name), &flags.settings[setting.name], setting.help, setting.placeholder});
    if (setting.placeholder == "FILE") arguments.back().completes = Completes::kFiles;
  }
  arguments.push_back(
      {"--allow-plaintext", &flags.allow_plaintext, "sends the token over plain connections, too"});
  return arguments;
}

absl::StatusOr<Connection> MakeConnection(const ConnectionFlags& flags,
                                          const Environment& environment) {
  Connection connection;
  ASSIGN_OR_RETURN(const std::string file, FindFile(environment));
  if (!file.empty()) {
    ASSIGN_OR_RETURN(connection, ReadFile(file));
  }
  for (const Setting& setting : Settings()) {
    std::string value = environment(VariableOf(setting.name));
    const auto flag = flags.settings.find(setting.name);
    if (flag != flags.settings.end() && !flag->second.empty()) value = flag->second;
    if (!value.empty()) Apply(setting.name, std::move(value), connection);
  }
  if (flags.allow_plaintext) connection.client.set_allow_plaintext(true);
  if (connection.controller.empty()) connection.controller = kDefaultController;
  return connection;
}

}  // namespace mentat::mentatctl
