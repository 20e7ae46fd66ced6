// Writes the reference of the configuration from the .proto files: their comments, types and rules.
//
//   config_doc DESCRIPTORS FILE... > docs/configuration-reference.md
//
// DESCRIPTORS is what `protoc --include_imports --include_source_info --descriptor_set_out` writes,
// FILE the path of a .proto file in it.

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "mentat/config/v1/options.pb.h"
#include "tools/config_doc/descriptors.h"

namespace mentat {
namespace {

using config::v1::FieldRules;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// The rules stand in a pool of their own as unknown bytes; read anew they are known.
FieldRules RulesOf(const FieldDescriptor& field) {
  google::protobuf::FieldOptions options;
  options.ParseFromString(field.options().SerializeAsString());
  return options.GetExtension(config::v1::rules);
}

std::string Anchor(const Descriptor& type) { return absl::AsciiStrToLower(type.name()); }

std::string TypeName(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "text";
    case FieldDescriptor::CPPTYPE_ENUM:
      return "name";
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "number";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return absl::StrCat("[", field.message_type()->name(), "](#", Anchor(*field.message_type()),
                          ")");
    default:
      return "whole number";
  }
}

std::string TypeText(const FieldDescriptor& field) {
  if (field.is_map()) {
    return absl::StrCat("object: name → ", TypeName(*field.message_type()->map_value()));
  }
  return field.is_repeated() ? absl::StrCat("list of ", TypeName(field)) : TypeName(field);
}

std::string Number(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", number);
  return text;
}

// What a key has that nobody gives and no rule gives either; empty where it then does not exist, or
// is made of the defaults of its own keys.
std::string Zero(const FieldDescriptor& field) {
  if (field.is_map()) return "`{}`";
  if (field.is_repeated()) return "`[]`";
  if (field.has_optional_keyword()) return "";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "`false`";
    case FieldDescriptor::CPPTYPE_STRING:
      return "`\"\"`";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("`", field.default_value_enum()->name(), "`");
    default:
      return "`0`";
  }
}

// Default and limits.
std::string RulesText(const FieldDescriptor& field) {
  const FieldRules rules = RulesOf(field);
  std::vector<std::string> parts;
  if (rules.required()) parts.push_back("**required**");
  if (!rules.default_().empty()) {
    parts.push_back(absl::StrCat("`", rules.default_(), "`"));
  } else if (const std::string zero = Zero(field); !rules.required() && !zero.empty()) {
    parts.push_back(zero);
  }
  if (rules.has_min() && rules.has_max()) {
    parts.push_back(absl::StrCat(Number(rules.min()), " to ", Number(rules.max())));
  } else if (rules.has_min()) {
    parts.push_back(absl::StrCat("from ", Number(rules.min())));
  } else if (rules.has_max()) {
    parts.push_back(absl::StrCat("up to ", Number(rules.max())));
  }
  if (!rules.one_of().empty()) {
    parts.push_back(absl::StrCat("one of `", absl::StrJoin(rules.one_of(), "`, `"), "`"));
  }
  if (rules.secret()) parts.push_back("secret");
  if (field.has_optional_keyword()) parts.push_back("may be left out");
  return absl::StrJoin(parts, "; ");
}

void WriteMessage(const Descriptor& type, std::string& page) {
  absl::StrAppend(&page, "\n## ", type.name(), "\n\n", Comment(type),
                  "\n\n| key | type | default, limits | meaning |\n| --- | --- | --- | --- |\n");
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    absl::StrAppend(&page, "| `", field.name(), "` | ", Cell(TypeText(field)), " | ",
                    Cell(RulesText(field)), " | ", Cell(Comment(field)), " |\n");
  }
}

int Run(const std::string& descriptors, const std::vector<std::string>& files) {
  google::protobuf::DescriptorPool pool;
  if (!LoadDescriptors(descriptors, pool)) return 1;
  std::string page =
      "# Configuration reference\n\n"
      "Made from `proto/mentat/config/v1` by `tools/config_doc`; "
      "[configuration.md](configuration.md) says where values are written and how they are "
      "combined.\n";
  for (const std::string& name : files) {
    const google::protobuf::FileDescriptor* file = pool.FindFileByName(name);
    if (file == nullptr) {
      std::cerr << "config_doc: no file " << name << "\n";
      return 1;
    }
    for (int i = 0; i < file->message_type_count(); ++i) {
      const Descriptor& type = *file->message_type(i);
      if (type.name().ends_with("Config")) WriteMessage(type, page);
    }
  }
  std::cout << page;
  return std::cout.flush().good() ? 0 : 1;
}

}  // namespace
}  // namespace mentat

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: config_doc DESCRIPTORS FILE...\n";
    return 2;
  }
  return mentat::Run(argv[1], std::vector<std::string>(argv + 2, argv + argc));
}
