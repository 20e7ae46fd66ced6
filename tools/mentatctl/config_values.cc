#include "tools/mentatctl/config_values.h"

#include <set>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mentat::mentatctl {

Config FromAnswer(const std::string& name, const stage::v1::GetConfigResponse& answer) {
  Config config{.name = name};
  for (const stage::v1::ConfigEntry& entry : answer.entries()) {
    config.values[entry.path()] = {entry.value(), entry.origin()};
  }
  return config;
}

absl::StatusOr<Config> FromView(const std::string& name, const std::string& view) {
  Config config{.name = name};
  std::istringstream lines(view);
  for (std::string line; std::getline(lines, line);) {
    const size_t value = line.find(" = ");
    const size_t origin = line.rfind("  # ");
    if (value == std::string::npos || origin == std::string::npos || origin < value + 3) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": expected lines KEY = VALUE  # ORIGIN, got ", line));
    }
    config.values[line.substr(0, value)] = {line.substr(value + 3, origin - value - 3),
                                            line.substr(origin + 4)};
  }
  return config;
}

std::vector<std::string> Differences(const std::vector<Config>& configs) {
  std::set<std::string> keys;
  for (const Config& config : configs) {
    for (const auto& [key, value] : config.values) keys.insert(key);
  }
  std::vector<std::string> different;
  for (const std::string& key : keys) {
    std::set<std::string> values;
    for (const Config& config : configs) {
      const auto it = config.values.find(key);
      values.insert(it == config.values.end() ? "" : it->second.value);
    }
    if (values.size() > 1) different.push_back(key);
  }
  return different;
}

}  // namespace mentat::mentatctl
