#include "tools/mentatctl/connection.h"

#include <algorithm>
#include <filesystem>
#include <optional>
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
  std::string value;
  std::string_view placeholder;
  std::string_view help;
};

std::vector<Setting> Settings() {
  return {
      {"controller", "", "HOST:PORT", "the controller's admin address; 127.0.0.1:5580 by default"},
      {"ca_file", "", "FILE", "authorities of the servers' certificates; without it all is plain"},
      {"cert_file", "", "FILE", "certificate to show"},
      {"key_file", "", "FILE", "the private key to it"},
      {"token_file", "", "FILE", "token to send"},
      {"server_name", "", "NAME", "name in the servers' certificates, if not that of the address"},
  };
}

constexpr std::string_view kAllowPlaintext = "--allow-plaintext";

std::string FlagOf(const std::string& name) {
  return absl::StrCat("--", absl::StrReplaceAll(name, {{"_", "-"}}));
}

std::string VariableOf(const std::string& name) {
  return absl::StrCat("MENTATCTL_", absl::AsciiStrToUpper(name));
}

// Takes `--flag value` or `--flag=value` out of the words.
absl::StatusOr<std::optional<std::string>> TakeFlag(std::vector<std::string>& words,
                                                    const Setting& setting) {
  const std::string flag = FlagOf(setting.name);
  const auto missing = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " needs a value: ", flag, " ", std::string(setting.placeholder)));
  };
  for (auto each = words.begin(); each != words.end(); ++each) {
    if (each->starts_with(flag + "=")) {
      std::string value = each->substr(flag.size() + 1);
      words.erase(each);
      if (value.empty()) return missing();
      return value;
    }
    if (*each != flag) continue;
    if (each + 1 == words.end()) return missing();
    std::string value = *(each + 1);
    words.erase(each, each + 2);
    return value;
  }
  return std::nullopt;
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

std::string ConnectionHelp() {
  std::string help;
  for (const Setting& setting : Settings()) {
    std::string flag =
        absl::StrCat("  ", FlagOf(setting.name), " ", std::string(setting.placeholder));
    flag.resize(std::max<size_t>(flag.size() + 2, 26), ' ');
    absl::StrAppend(&help, flag, std::string(setting.help), "\n");
  }
  absl::StrAppend(
      &help,
      "  --allow-plaintext       sends the token over plain connections, too\n"
      "                          Each also as a variable, MENTATCTL_CA_FILE, or in\n"
      "                          ~/.config/mentat/mentatctl.json: {\"ca_file\": \"...\"}\n");
  return help;
}

absl::StatusOr<Connection> TakeConnection(std::vector<std::string>& words,
                                          const Environment& environment) {
  Connection connection;
  ASSIGN_OR_RETURN(const std::string file, FindFile(environment));
  if (!file.empty()) {
    ASSIGN_OR_RETURN(connection, ReadFile(file));
  }
  for (const Setting& setting : Settings()) {
    if (std::string value = environment(VariableOf(setting.name)); !value.empty()) {
      Apply(setting.name, std::move(value), connection);
    }
    ASSIGN_OR_RETURN(std::optional<std::string> value, TakeFlag(words, setting));
    if (value.has_value()) Apply(setting.name, *std::move(value), connection);
  }
  const size_t before = words.size();
  std::erase(words, kAllowPlaintext);
  if (words.size() != before) connection.client.set_allow_plaintext(true);
  if (connection.controller.empty()) connection.controller = kDefaultController;
  return connection;
}

}  // namespace mentat::mentatctl
