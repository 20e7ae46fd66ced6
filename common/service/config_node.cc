#include "common/service/config_node.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace mentat::service {
namespace {

using Kind = JsonNode::Kind;

// `name` without a line stands for all nodes alike.
absl::StatusOr<ConfigNode> FromJson(const JsonNode& json, const std::string& name, bool with_line) {
  ConfigNode node;
  node.kind = json.kind;
  node.scalar = json.scalar;
  node.origin = with_line ? absl::StrCat(name, ":", json.line) : name;
  for (const JsonNode& item : json.items) {
    ASSIGN_OR_RETURN(ConfigNode child, FromJson(item, name, with_line));
    node.items.push_back(std::move(child));
  }
  for (const auto& [key, member] : json.members) {
    ASSIGN_OR_RETURN(ConfigNode child, FromJson(member, name, with_line));
    if (node.Find(key) != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(child.origin, ": the key \"", key, "\" stands twice in one object"));
    }
    node.members.push_back({key, std::move(child)});
  }
  return node;
}

std::string QuoteJson(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

bool ConfigNode::IsNull() const {
  return kind == Kind::kScalar && scalar.kind_case() == idea::v1::Value::KIND_NOT_SET;
}

const ConfigNode* ConfigNode::Find(std::string_view key) const {
  for (const auto& [name, member] : members) {
    if (name == key) return &member;
  }
  return nullptr;
}

ConfigNode& ConfigNode::Member(std::string_view key) {
  for (auto& [name, member] : members) {
    if (name == key) return member;
  }
  return members.emplace_back(KeyValue{std::string(key), ObjectNode(origin)}).value;
}

std::string ConfigNode::ToJson() const {
  std::string json;
  switch (kind) {
    case Kind::kList:
      for (const ConfigNode& item : items)
        absl::StrAppend(&json, json.empty() ? "" : ", ", item.ToJson());
      return absl::StrCat("[", json, "]");
    case Kind::kObject:
      for (const auto& [key, member] : members) {
        absl::StrAppend(&json, json.empty() ? "" : ", ", QuoteJson(key), ": ", member.ToJson());
      }
      return absl::StrCat("{", json, "}");
    case Kind::kScalar:
      break;
  }
  switch (scalar.kind_case()) {
    case idea::v1::Value::kBoolean:
      return scalar.boolean() ? "true" : "false";
    case idea::v1::Value::kInteger:
      return absl::StrCat(scalar.integer());
    case idea::v1::Value::kNumber:
      return scalar.number();
    case idea::v1::Value::kText:
      return QuoteJson(scalar.text());
    default:
      return "null";
  }
}

ConfigNode TextNode(std::string_view text, std::string origin) {
  ConfigNode node;
  node.scalar.set_text(std::string(text));
  node.origin = std::move(origin);
  return node;
}

ConfigNode ObjectNode(std::string origin) {
  ConfigNode node;
  node.kind = Kind::kObject;
  node.origin = std::move(origin);
  return node;
}

absl::StatusOr<ConfigNode> ParseConfigText(std::string_view text, const std::string& name) {
  absl::StatusOr<JsonNode> json = ParseJsonTree(text);
  if (!json.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", json.status().message()));
  }
  return FromJson(*json, name, /*with_line=*/true);
}

absl::StatusOr<ConfigNode> ParseConfigValue(std::string_view text, const std::string& origin) {
  absl::StatusOr<JsonNode> json = ParseJsonTree(text);
  if (!json.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": ", json.status().message()));
  }
  return FromJson(*json, origin, /*with_line=*/false);
}

void Merge(ConfigNode upper, ConfigNode& lower) {
  if (upper.kind != Kind::kObject || lower.kind != Kind::kObject) {
    lower = std::move(upper);
    return;
  }
  for (auto& [key, member] : upper.members) {
    const auto is_key = [&key = key](const auto& each) { return each.key == key; };
    const auto found = std::find_if(lower.members.begin(), lower.members.end(), is_key);
    if (member.IsNull()) {
      if (found != lower.members.end()) lower.members.erase(found);
    } else if (found == lower.members.end()) {
      lower.members.push_back({key, std::move(member)});
    } else {
      Merge(std::move(member), found->value);
    }
  }
}

}  // namespace mentat::service
