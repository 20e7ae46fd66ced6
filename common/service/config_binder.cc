#include "common/service/config_binder.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/service/nearest_name.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "mentat/config/v1/options.pb.h"

namespace mentat::service {
namespace {

using config::v1::FieldRules;
using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Kind = JsonNode::Kind;

constexpr size_t kMaxErrors = 50;
constexpr size_t kMaxShownBytes = 80;
constexpr size_t kMaxSecretBytes = 64 * 1024;
constexpr std::string_view kMask = "\"***\"";
constexpr std::string_view kDefaultOrigin = "default";

const FieldRules& RulesOf(const FieldDescriptor& field) {
  return field.options().GetExtension(config::v1::rules);
}

bool IsMessage(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

std::string UnknownKey(const std::string& key, const Descriptor& type) {
  const std::vector<std::string> known = FieldNames(type);
  const std::optional<std::string> nearest = NearestName(key, known);
  return nearest.has_value() ? absl::StrCat("unknown key; did you mean ", *nearest, "?")
                             : absl::StrCat("unknown key; known are ", absl::StrJoin(known, ", "));
}

std::string Join(const std::string& path, const std::string& key) {
  return path.empty() ? key : absl::StrCat(path, ".", key);
}

// A number as people write it.
std::string NumberText(double number) {
  return number == std::floor(number) && std::abs(number) < 1e15
             ? absl::StrCat(static_cast<int64_t>(number))
             : absl::StrCat(number);
}

std::string RangeText(const FieldRules& rules) {
  if (rules.has_min() && rules.has_max()) {
    return absl::StrCat("from ", NumberText(rules.min()), " to ", NumberText(rules.max()));
  }
  return rules.has_min() ? absl::StrCat("from ", NumberText(rules.min()))
                         : absl::StrCat("up to ", NumberText(rules.max()));
}

// What a field wants, for people.
std::string Expected(const FieldDescriptor& field, const FieldRules& rules) {
  std::string what;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "a text";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "an object";
    case FieldDescriptor::CPPTYPE_ENUM:
      return "a text, one of the known names";
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      what = "a number";
      break;
    default:
      what = "a whole number";
  }
  return rules.has_min() || rules.has_max() ? absl::StrCat(what, " ", RangeText(rules)) : what;
}

std::optional<double> NumberOf(const ConfigNode& node) {
  double number = 0;
  if (node.kind != Kind::kScalar) return std::nullopt;
  if (node.scalar.kind_case() == idea::v1::Value::kInteger) {
    return static_cast<double>(node.scalar.integer());
  }
  if (node.scalar.kind_case() == idea::v1::Value::kNumber &&
      absl::SimpleAtod(node.scalar.number(), &number) && std::isfinite(number)) {
    return number;
  }
  return std::nullopt;
}

template <typename T>
std::optional<T> IntegerOf(const ConfigNode& node) {
  T number = 0;
  if (node.kind != Kind::kScalar) return std::nullopt;
  const std::string digits = node.scalar.kind_case() == idea::v1::Value::kInteger
                                 ? absl::StrCat(node.scalar.integer())
                                 : node.scalar.number();
  if (!absl::SimpleAtoi(digits, &number)) return std::nullopt;
  return number;
}

// Sets a field, or adds to it where it is a list.
class Setter {
 public:
  Setter(Message& message, const FieldDescriptor& field)
      : message_(message), field_(field), reflection_(*message.GetReflection()) {}

  // False if the node is not of the field's type.
  bool Set(const ConfigNode& node) {
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return Put(IntegerOf<int32_t>(node), &Reflection::SetInt32, &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_INT64:
        return Put(IntegerOf<int64_t>(node), &Reflection::SetInt64, &Reflection::AddInt64);
      case FieldDescriptor::CPPTYPE_UINT32:
        return Put(IntegerOf<uint32_t>(node), &Reflection::SetUInt32, &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_UINT64:
        return Put(IntegerOf<uint64_t>(node), &Reflection::SetUInt64, &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Put(NumberOf(node), &Reflection::SetDouble, &Reflection::AddDouble);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return Put(NumberOf(node), &Reflection::SetFloat, &Reflection::AddFloat);
      case FieldDescriptor::CPPTYPE_BOOL:
        return Put(BoolOf(node), &Reflection::SetBool, &Reflection::AddBool);
      case FieldDescriptor::CPPTYPE_ENUM:
        return Put(EnumOf(node), &Reflection::SetEnum, &Reflection::AddEnum);
      case FieldDescriptor::CPPTYPE_STRING:
        return Put(TextOf(node), &Reflection::SetString, &Reflection::AddString);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return false;
    }
    return false;
  }

 private:
  template <typename T, typename U>
  bool Put(const std::optional<T>& value,
           void (Reflection::*set)(Message*, const FieldDescriptor*, U) const,
           void (Reflection::*add)(Message*, const FieldDescriptor*, U) const) {
    if (!value.has_value()) return false;
    (reflection_.*(field_.is_repeated() ? add : set))(&message_, &field_, static_cast<U>(*value));
    return true;
  }

  static std::optional<bool> BoolOf(const ConfigNode& node) {
    if (node.scalar.kind_case() != idea::v1::Value::kBoolean) return std::nullopt;
    return node.scalar.boolean();
  }
  static std::optional<std::string> TextOf(const ConfigNode& node) {
    if (node.scalar.kind_case() != idea::v1::Value::kText) return std::nullopt;
    return node.scalar.text();
  }
  std::optional<const EnumValueDescriptor*> EnumOf(const ConfigNode& node) const {
    const EnumValueDescriptor* value = field_.enum_type()->FindValueByName(node.scalar.text());
    if (value == nullptr) return std::nullopt;
    return value;
  }

  Message& message_;
  const FieldDescriptor& field_;
  const Reflection& reflection_;
};

class Binder {
 public:
  void BindMessage(const ConfigNode& node, const std::string& path, Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    if (node.kind != Kind::kObject) {
      return Fail(node.origin, path, absl::StrCat("expected an object, got ", Show(node)));
    }
    for (const auto& [key, member] : node.members) {
      if (type.FindFieldByName(key) == nullptr) {
        Fail(member.origin, Join(path, key), UnknownKey(key, type));
      }
    }
    types_.push_back(&type);
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      BindField(node, field, Join(path, field.name()), message);
    }
    types_.pop_back();
  }

  absl::StatusOr<std::vector<ConfigEntry>> Finish() {
    if (errors_.empty()) return std::move(entries_);
    if (errors_.size() > kMaxErrors) {
      const size_t more = errors_.size() - kMaxErrors;
      errors_.resize(kMaxErrors);
      errors_.push_back(absl::StrCat("and ", more, " more"));
    }
    return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

 private:
  void Fail(const std::string& origin, const std::string& path, std::string_view what) {
    errors_.push_back(absl::StrCat(origin.empty() ? "" : absl::StrCat(origin, ": "),
                                   path.empty() ? "" : absl::StrCat(path, ": "),
                                   std::string(what)));
  }

  static std::string Show(const ConfigNode& node) {
    std::string json = node.ToJson();
    if (json.size() > kMaxShownBytes) json = absl::StrCat(json.substr(0, kMaxShownBytes), "...");
    return json;
  }

  static std::string Shown(const ConfigNode& node, const FieldRules& rules) {
    return rules.secret() ? std::string(kMask) : Show(node);
  }

  void BindField(const ConfigNode& parent, const FieldDescriptor& field, const std::string& path,
                 Message& message) {
    const FieldRules& rules = RulesOf(field);
    const ConfigNode* node = parent.Find(field.name());
    if (node != nullptr && !node->IsNull()) {
      BindValue(*node, field, path, message);
    } else if (rules.required()) {
      Fail("", path,
           absl::StrCat("is required: ", field.is_repeated()
                                             ? "a list or an object with at least one entry"
                                             : Expected(field, rules)));
    } else if (!rules.default_().empty()) {
      absl::StatusOr<ConfigNode> value =
          ParseForField(rules.default_(), &field, std::string(kDefaultOrigin));
      if (!value.ok()) return Fail(std::string(kDefaultOrigin), path, ToStd(value.status()));
      BindValue(*value, field, path, message);
    } else if (IsMessage(field) && !field.is_repeated() && !field.has_optional_keyword() &&
               std::find(types_.begin(), types_.end(), field.message_type()) == types_.end()) {
      BindMessage(ObjectNode(std::string(kDefaultOrigin)), path,
                  *message.GetReflection()->MutableMessage(&message, &field));
    }
  }

  static std::string ToStd(const absl::Status& status) { return std::string(status.message()); }

  void BindValue(const ConfigNode& node, const FieldDescriptor& field, const std::string& path,
                 Message& message) {
    if (field.is_map()) return BindMap(node, field, path, message);
    if (field.is_repeated()) return BindList(node, field, path, message);
    if (IsMessage(field)) {
      return BindMessage(node, path, *message.GetReflection()->MutableMessage(&message, &field));
    }
    BindScalar(node, field, field, path, message);
    entries_.push_back(
        {path, RulesOf(field).secret() ? std::string(kMask) : node.ToJson(), node.origin});
  }

  void BindList(const ConfigNode& node, const FieldDescriptor& field, const std::string& path,
                Message& message) {
    if (node.kind != Kind::kList) {
      return Fail(node.origin, path,
                  absl::StrCat("expected a list, got ", Shown(node, RulesOf(field))));
    }
    if (node.items.empty() && RulesOf(field).required()) {
      return Fail(node.origin, path, "must not be empty");
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      const std::string item_path = absl::StrCat(path, "[", i, "]");
      if (IsMessage(field)) {
        BindMessage(node.items[i], item_path,
                    *message.GetReflection()->AddMessage(&message, &field));
      } else {
        BindScalar(node.items[i], field, field, item_path, message);
      }
    }
    if (IsMessage(field)) return;
    entries_.push_back(
        {path, RulesOf(field).secret() ? std::string(kMask) : node.ToJson(), node.origin});
  }

  void BindMap(const ConfigNode& node, const FieldDescriptor& field, const std::string& path,
               Message& message) {
    if (node.kind != Kind::kObject) {
      return Fail(node.origin, path, absl::StrCat("expected an object, got ", Show(node)));
    }
    if (node.members.empty() && RulesOf(field).required()) {
      return Fail(node.origin, path, "must not be empty");
    }
    const FieldDescriptor& key_field = *field.message_type()->map_key();
    const FieldDescriptor& value_field = *field.message_type()->map_value();
    for (const auto& [key, member] : node.members) {
      const std::string member_path = Join(path, key);
      Message& entry = *message.GetReflection()->AddMessage(&message, &field);
      BindScalar(TextNode(key, member.origin), key_field, key_field, member_path, entry);
      if (IsMessage(value_field)) {
        BindMessage(member, member_path,
                    *entry.GetReflection()->MutableMessage(&entry, &value_field));
      } else {
        BindScalar(member, value_field, field, member_path, entry);
        entries_.push_back({member_path,
                            RulesOf(field).secret() ? std::string(kMask) : member.ToJson(),
                            member.origin});
      }
    }
  }

  // `ruled` is the field that carries the rules: the map itself for a map's value.
  void BindScalar(const ConfigNode& node, const FieldDescriptor& field,
                  const FieldDescriptor& ruled, const std::string& path, Message& message) {
    const FieldRules& rules = RulesOf(ruled);
    if (rules.secret() && node.kind == Kind::kObject) {
      return BindSecretFile(node, field, path, message);
    }
    const std::string got = Shown(node, rules);
    if (!Setter(message, field).Set(node)) {
      return Fail(node.origin, path,
                  absl::StrCat("expected ", Expected(field, rules), ", got ", got));
    }
    if (const std::optional<double> number = NumberOf(node);
        number.has_value() && ((rules.has_min() && *number < rules.min()) ||
                               (rules.has_max() && *number > rules.max()))) {
      return Fail(node.origin, path, absl::StrCat("must be ", RangeText(rules), ", got ", got));
    }
    if (node.scalar.kind_case() != idea::v1::Value::kText) return;
    const std::string& text = node.scalar.text();
    if (text.find('\0') != std::string::npos) {
      return Fail(node.origin, path, "must not hold a character U+0000");
    }
    if (text.empty() && rules.required()) return Fail(node.origin, path, "must not be empty");
    const auto& allowed = rules.one_of();
    if (allowed.empty() || std::find(allowed.begin(), allowed.end(), text) != allowed.end()) return;
    const std::vector<std::string> names(allowed.begin(), allowed.end());
    const std::optional<std::string> nearest = NearestName(text, names);
    Fail(node.origin, path,
         absl::StrCat("must be one of ", absl::StrJoin(names, ", "), ", got ", got,
                      nearest.has_value() ? absl::StrCat("; did you mean ", *nearest, "?") : ""));
  }

  // A secret given as {"file": "/path"}: its value is what the file holds, without the newline at
  // the end.
  void BindSecretFile(const ConfigNode& node, const FieldDescriptor& field, const std::string& path,
                      Message& message) {
    const ConfigNode* file = node.Find("file");
    if (file == nullptr || node.members.size() != 1 ||
        file->scalar.kind_case() != idea::v1::Value::kText) {
      return Fail(node.origin, path, "expected a text or {\"file\": \"/path/of/a/file\"}");
    }
    const std::string& name = file->scalar.text();
    std::ifstream in(name, std::ios::binary);
    std::string text(kMaxSecretBytes + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.is_open() || in.bad()) {
      return Fail(node.origin, path, absl::StrCat("cannot read the file ", name));
    }
    text.resize(static_cast<size_t>(in.gcount()));
    if (text.size() > kMaxSecretBytes) {
      return Fail(node.origin, path,
                  absl::StrCat("the file ", name, " is over ", kMaxSecretBytes, " bytes"));
    }
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    if (text.empty()) return Fail(node.origin, path, absl::StrCat("the file ", name, " is empty"));
    if (!Setter(message, field).Set(TextNode(text, node.origin))) {
      Fail(node.origin, path,
           absl::StrCat("the file ", name, " does not hold ", Expected(field, RulesOf(field))));
    }
  }

  std::vector<const Descriptor*> types_;  // being bound, outermost first
  std::vector<std::string> errors_;
  std::vector<ConfigEntry> entries_;
};

}  // namespace

absl::StatusOr<std::vector<ConfigEntry>> BindConfig(const ConfigNode& root, Message& message) {
  Binder binder;
  binder.BindMessage(root, "", message);
  return binder.Finish();
}

absl::StatusOr<const FieldDescriptor*> FindConfigField(const Descriptor& type,
                                                       const std::vector<std::string>& path) {
  const Descriptor* current = &type;
  const FieldDescriptor* field = nullptr;
  for (size_t i = 0; i < path.size(); ++i) {
    if (current == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(absl::StrJoin(path, "."), ": ", path[i - 1], " has no keys of its own"));
    }
    field = current->FindFieldByName(path[i]);
    if (field == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(absl::StrJoin(path, "."), ": ", UnknownKey(path[i], *current)));
    }
    current = IsMessage(*field) && !field->is_repeated() ? field->message_type() : nullptr;
    if (field->is_map() && i + 1 < path.size()) {
      ++i;  // the map's key, which may be any
      field = field->message_type()->map_value();
      current = IsMessage(*field) ? field->message_type() : nullptr;
    }
  }
  return field;
}

absl::StatusOr<ConfigNode> ParseForField(std::string_view text, const FieldDescriptor* field,
                                         const std::string& origin) {
  const bool is_text = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING ||
                       field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM;
  if (is_text && !field->is_repeated()) {
    const bool secret_file = RulesOf(*field).secret() && text.starts_with("{\"file\"");
    return secret_file ? ParseConfigValue(text, origin) : TextNode(text, origin);
  }
  absl::StatusOr<ConfigNode> value = ParseConfigValue(text, origin);
  // What is no JSON is a text, of which the binder says what was expected instead.
  return value.ok() || field->is_repeated() || IsMessage(*field) ? value : TextNode(text, origin);
}

}  // namespace mentat::service
