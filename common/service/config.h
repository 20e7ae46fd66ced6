// Layered configuration: what a service is told, by whom, and whether it makes sense.
// docs/configuration.md is the page for users.
//
// From the weakest: the defaults in the .proto, the file, the directory of overrides (its *.json
// and *.json.conf in the order of their names), the environment, the flags --set. A file is
// stronger than those that it includes. Objects are merged key by key, everything else is replaced,
// null takes a key away.
#ifndef COMMON_SERVICE_CONFIG_H_
#define COMMON_SERVICE_CONFIG_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/service/config_binder.h"
#include "common/service/reload_path.h"

namespace mentat::service {

struct ConfigSources {
  std::string service;    // `filer_gateway`: variables begin with MENTAT_FILER_GATEWAY__
  std::string file;       // none if empty
  std::string directory;  // none if empty
  std::vector<std::pair<std::string, std::string>> environment;  // other variables are ignored
  std::vector<std::string> sets;                                 // `path.to.key=value`
};

// The variables of this process.
std::vector<std::pair<std::string, std::string>> ProcessEnvironment();

// Fills `message` and returns the effective values in the order of the .proto. InvalidArgument (or
// NotFound for a file) has one line for each error.
absl::StatusOr<std::vector<ConfigEntry>> LoadConfig(const ConfigSources& sources,
                                                    google::protobuf::Message& message);

// The files that LoadConfig reads, or would read if they were there.
std::vector<ReloadPath> ConfigPaths(const ConfigSources& sources);

// `path = value  # origin`, a line for each entry.
std::string FormatConfig(const std::vector<ConfigEntry>& entries);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_CONFIG_H_
