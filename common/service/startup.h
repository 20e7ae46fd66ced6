// What comes before a service or a script is made: its configuration, and the calls that only speak
// of it.
#ifndef COMMON_SERVICE_STARTUP_H_
#define COMMON_SERVICE_STARTUP_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/service/command_line.h"
#include "common/service/config.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "mentat/config/v1/common.pb.h"

namespace mentat::service {

// Exit statuses.
inline constexpr int kExitFailure = 1;
inline constexpr int kExitConfig = 2;  // wrong arguments or configuration

struct Startup {
  std::optional<int> exit_status;  // set where the process is to end: all is said
  ConfigSources sources;           // absolute paths, so that a reload finds them from any folder
  std::vector<ConfigEntry> entries;
};

// Loads the configuration, takes secrets out of sight, and answers --version, --config-view and
// --config-check.
Startup LoadStartup(int argc, char** argv, std::string_view name, const CommandLine& line,
                    google::protobuf::Message& config);

// The message of type T in the field `name` of the configuration; null if there is no such field,
// or it is not set.
template <typename T>
const T* FindPart(const google::protobuf::Message& config, const std::string& name) {
  const google::protobuf::FieldDescriptor* field = config.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->message_type() != T::descriptor() || field->is_repeated()) {
    return nullptr;
  }
  if (!config.GetReflection()->HasField(config, field)) return nullptr;
  return google::protobuf::DynamicCastToGenerated<T>(
      &config.GetReflection()->GetMessage(config, field));
}

// The field `service` of a configuration.
config::v1::ServiceConfig ServicePart(const google::protobuf::Message& config);

// `NAME: message` on standard error.
void PrintError(std::string_view name, const absl::Status& status);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_STARTUP_H_
