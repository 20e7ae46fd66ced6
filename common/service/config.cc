#include "common/service/config.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/service/config_files.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace mentat::service {
namespace {

// Lays a value over the tree at a path.
absl::Status MergeAt(const std::vector<std::string>& path, const std::string& text,
                     const std::string& origin, const google::protobuf::Descriptor& type,
                     ConfigNode& root) {
  absl::StatusOr<const google::protobuf::FieldDescriptor*> field = FindConfigField(type, path);
  if (!field.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": ", field.status().message()));
  }
  ASSIGN_OR_RETURN(ConfigNode value, ParseForField(text, *field, origin));
  ConfigNode layer = ObjectNode(origin);
  ConfigNode* parent = &layer;
  for (size_t i = 0; i + 1 < path.size(); ++i) parent = &parent->Member(path[i]);
  parent->Member(path.back()) = std::move(value);
  Merge(std::move(layer), root);
  return absl::OkStatus();
}

absl::Status MergeEnvironment(const ConfigSources& sources,
                              const google::protobuf::Descriptor& type, ConfigNode& root) {
  std::string service = sources.service;
  std::replace(service.begin(), service.end(), '-', '_');
  const std::string prefix = absl::StrCat("MENTAT_", absl::AsciiStrToUpper(service), "__");
  std::vector<std::pair<std::string, std::string>> variables;
  for (const auto& variable : sources.environment) {
    if (variable.first.starts_with(prefix)) variables.push_back(variable);
  }
  // An object given whole sorts before the keys in it, which are laid over it.
  std::sort(variables.begin(), variables.end());
  for (const auto& [name, value] : variables) {
    const std::vector<std::string> path =
        absl::StrSplit(absl::AsciiStrToLower(name.substr(prefix.size())), "__");
    RETURN_IF_ERROR(MergeAt(path, value, absl::StrCat("environment ", name), type, root));
  }
  return absl::OkStatus();
}

absl::Status MergeSets(const ConfigSources& sources, const google::protobuf::Descriptor& type,
                       ConfigNode& root) {
  for (const std::string& set : sources.sets) {
    const size_t equals = set.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--set ", set.substr(0, 80), ": expected path.to.key=value"));
    }
    const std::string key = set.substr(0, equals);
    const std::vector<std::string> path = absl::StrSplit(key, '.');
    RETURN_IF_ERROR(MergeAt(path, set.substr(equals + 1), absl::StrCat("--set ", key), type, root));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> ProcessEnvironment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view text(*each);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

absl::StatusOr<std::vector<ConfigEntry>> LoadConfig(const ConfigSources& sources,
                                                    google::protobuf::Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  std::vector<std::string> files;
  if (!sources.file.empty()) files.push_back(sources.file);
  if (!sources.directory.empty()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> overrides, OverrideFiles(sources.directory));
    files.insert(files.end(), overrides.begin(), overrides.end());
  }
  ConfigNode root = ObjectNode("default");
  for (const std::string& file : files) RETURN_IF_ERROR(MergeConfigFile(file, root));
  RETURN_IF_ERROR(MergeEnvironment(sources, type, root));
  RETURN_IF_ERROR(MergeSets(sources, type, root));
  return BindConfig(root, message);
}

std::vector<ReloadPath> ConfigPaths(const ConfigSources& sources) {
  std::vector<ReloadPath> paths;
  if (!sources.file.empty()) AddConfigPaths(sources.file, paths);
  if (!sources.directory.empty()) {
    paths.push_back({sources.directory, {".json", ".json.conf"}});
    const absl::StatusOr<std::vector<std::string>> files = OverrideFiles(sources.directory);
    if (files.ok()) {
      for (const std::string& file : *files) AddConfigPaths(file, paths);
    }
  }
  return paths;
}

std::string FormatConfig(const std::vector<ConfigEntry>& entries) {
  std::string text;
  for (const ConfigEntry& entry : entries) {
    absl::StrAppend(&text, entry.path, " = ", entry.value, "  # ", entry.origin, "\n");
  }
  return text;
}

}  // namespace mentat::service
