#include "common/service/config_secrets.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/service/config_node.h"
#include "google/protobuf/descriptor.h"
#include "mentat/config/v1/options.pb.h"

namespace mentat::service {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Kind = JsonNode::Kind;

bool IsSecret(const FieldDescriptor& field) {
  return field.options().GetExtension(config::v1::rules).secret();
}

void CollectNames(const Descriptor& type, std::set<const Descriptor*>& seen,
                  std::set<std::string>& names) {
  if (!seen.insert(&type).second) return;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (IsSecret(field)) names.insert(field.name());
    if (field.message_type() != nullptr) CollectNames(*field.message_type(), seen, names);
  }
}

bool Mentions(std::string_view text, const std::set<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return text.find(name) != std::string_view::npos;
  });
}

bool IsReference(const ConfigNode& node) {
  return node.IsNull() ||
         (node.kind == Kind::kObject && node.members.size() == 1 && node.members[0].key == "file");
}

bool Holds(const ConfigNode& node, const Descriptor& type);

// The value of a field, or one of its values.
bool ValueHolds(const ConfigNode& node, const FieldDescriptor& field) {
  if (node.kind == Kind::kList) {
    return std::any_of(node.items.begin(), node.items.end(),
                       [&](const ConfigNode& item) { return ValueHolds(item, field); });
  }
  if (field.is_map()) {
    const FieldDescriptor& value = *field.message_type()->map_value();
    return std::any_of(
        node.members.begin(), node.members.end(), [&](const ConfigNode::KeyValue& member) {
          if (IsSecret(field)) return !IsReference(member.value);
          return value.message_type() != nullptr && Holds(member.value, *value.message_type());
        });
  }
  if (IsSecret(field)) return !IsReference(node);
  return field.message_type() != nullptr && Holds(node, *field.message_type());
}

bool Holds(const ConfigNode& node, const Descriptor& type) {
  return std::any_of(node.members.begin(), node.members.end(),
                     [&](const ConfigNode::KeyValue& member) {
                       const FieldDescriptor* field = type.FindFieldByName(member.key);
                       return field != nullptr && ValueHolds(member.value, *field);
                     });
}

}  // namespace

bool HoldsSecret(std::string_view text, const Descriptor& type) {
  std::set<const Descriptor*> seen;
  std::set<std::string> names;
  CollectNames(type, seen, names);
  if (names.empty()) return false;
  const absl::StatusOr<ConfigNode> root = ParseConfigText(text, "");
  if (!root.ok()) return Mentions(text, names);
  if (Holds(*root, type)) return true;
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    const absl::string_view stripped = absl::StripLeadingAsciiWhitespace(line);
    const bool comment = !stripped.empty() && (stripped[0] == '#' || stripped[0] == '/');
    return comment && Mentions(line, names);
  });
}

}  // namespace mentat::service
