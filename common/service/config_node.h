// Configuration before it becomes a message: a tree of values each of which knows where it was
// given. Plain values, no shared state.
#ifndef COMMON_SERVICE_CONFIG_NODE_H_
#define COMMON_SERVICE_CONFIG_NODE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/json_tree.h"

namespace mentat::service {

struct ConfigNode {
  struct KeyValue;

  JsonNode::Kind kind = JsonNode::Kind::kScalar;
  idea::v1::Value scalar;  // null, boolean, number or text
  std::vector<ConfigNode> items;
  std::vector<KeyValue> members;  // each key once
  std::string origin;             // `etc/inspector.json:12`, `--set workers`

  bool IsNull() const;
  const ConfigNode* Find(std::string_view key) const;
  // The member, made as an empty object if it is missing.
  ConfigNode& Member(std::string_view key);
  // As JSON on one line.
  std::string ToJson() const;
};

struct ConfigNode::KeyValue {
  std::string key;
  ConfigNode value;
};

ConfigNode TextNode(std::string_view text, std::string origin);
ConfigNode ObjectNode(std::string origin);

// Reads a JSON text with whole-line comments. Each node's origin is `name:line`. A key that stands
// twice in an object is an error.
absl::StatusOr<ConfigNode> ParseConfigText(std::string_view text, const std::string& name);
// Reads a JSON value without lines, given in a flag or a variable.
absl::StatusOr<ConfigNode> ParseConfigValue(std::string_view text, const std::string& origin);

// Lays `upper` over `lower`: objects are merged key by key, everything else is replaced, null takes
// a key away.
void Merge(ConfigNode upper, ConfigNode& lower);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_CONFIG_NODE_H_
