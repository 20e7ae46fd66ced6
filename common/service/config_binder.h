// Turns a configuration tree into the message of its type, with the rules of
// mentat/config/v1/options.proto: defaults, limits, required keys, secrets.
#ifndef COMMON_SERVICE_CONFIG_BINDER_H_
#define COMMON_SERVICE_CONFIG_BINDER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/service/config_node.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace mentat::service {

// One effective value.
struct ConfigEntry {
  std::string path;    // `pipeline.outputs.default.peers`
  std::string value;   // JSON; `"***"` for a secret
  std::string origin;  // `default`, `etc/inspector.json:12`, `environment MENTAT_…`, `--set …`
};

// Fills `message`. InvalidArgument with one line for each error: where, which key, what is allowed.
absl::StatusOr<std::vector<ConfigEntry>> BindConfig(const ConfigNode& root,
                                                    google::protobuf::Message& message);

// The field that a path of keys leads to, map keys included; null inside a map of messages' key.
// InvalidArgument names the key that is unknown and the one that may have been meant.
absl::StatusOr<const google::protobuf::FieldDescriptor*> FindConfigField(
    const google::protobuf::Descriptor& type, const std::vector<std::string>& path);

// A value that was given as bare text, for a field of this type: a text is taken as it is, all else
// is JSON.
absl::StatusOr<ConfigNode> ParseForField(std::string_view text,
                                         const google::protobuf::FieldDescriptor* field,
                                         const std::string& origin);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_CONFIG_BINDER_H_
