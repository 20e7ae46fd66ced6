// Configurations as values by key, and how they differ.
#ifndef TOOLS_MENTATCTL_CONFIG_VALUES_H_
#define TOOLS_MENTATCTL_CONFIG_VALUES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mentat/stage/v1/stage_admin.pb.h"

namespace mentat::mentatctl {

struct ConfigValue {
  std::string value;   // as JSON
  std::string origin;  // `default`, a file and line, a variable, a flag
};

// One configuration.
struct Config {
  std::string name;  // of the instance or file
  std::map<std::string, ConfigValue> values;
};

Config FromAnswer(const std::string& name, const stage::v1::GetConfigResponse& answer);

// What `--config-view` of a service printed: lines `key = value  # origin`. InvalidArgument names a
// line that is none.
absl::StatusOr<Config> FromView(const std::string& name, const std::string& view);

// The keys whose values are not the same in all configurations, one of which may lack it.
std::vector<std::string> Differences(const std::vector<Config>& configs);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CONFIG_VALUES_H_
