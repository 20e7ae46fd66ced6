// Writes the page of the gRPC services from the .proto files: their comments, calls, messages, and
// the role that each call needs.
//
//   api_doc DESCRIPTORS FILE... > docs/api.md
//
// DESCRIPTORS is what `protoc --include_imports --include_source_info --descriptor_set_out` writes,
// FILE the path of a .proto file in it.

#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/service/access/roles.h"
#include "google/protobuf/descriptor.h"
#include "tools/config_doc/descriptors.h"

namespace mentat {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr char kHead[] = R"(# API

Made from the `.proto` files by `tools/config_doc`. Each process serves `mentat.stage.v1.StageAdmin`, the standard health
service and reflection on its admin address, the controller `mentat.controller.v1.Controller` as well. By hand, without any
file of ours:

```
buf curl --protocol grpc --http2-prior-knowledge --list-methods http://HOST:PORT
buf curl --protocol grpc --http2-prior-knowledge http://HOST:PORT/mentat.stage.v1.StageAdmin/GetStatus
grpcurl -plaintext HOST:PORT mentat.stage.v1.StageAdmin/GetStatus
```

With TLS and a token ([security.md](security.md)):

```
buf curl --protocol grpc --cacert authority.pem -H @token-header --reflect-header '*' \
    https://HOST:PORT/mentat.stage.v1.StageAdmin/GetStatus
```

where the file `token-header` holds `authorization: Bearer TOKEN`. Roles: a viewer sees, an operator runs the installation, an admin
changes what it is made of. Calls that change something are audited. Errors have the codes of gRPC: `INVALID_ARGUMENT`
for a request that can never be right, `NOT_FOUND` for names that nothing has, `FAILED_PRECONDITION` for what cannot be done now,
`UNAUTHENTICATED` and `PERMISSION_DENIED` for callers without a name or a role, `UNAVAILABLE` for what may be tried again.
)";

// Types of the pages' own files have a section each.
class Page {
 public:
  explicit Page(const std::vector<const FileDescriptor*>& files) {
    for (const FileDescriptor* file : files) own_.insert(file);
    text_ = kHead;
    for (const FileDescriptor* file : files) {
      for (int i = 0; i < file->service_count(); ++i) WriteService(*file->service(i));
    }
    for (const FileDescriptor* file : files) {
      if (file->service_count() == 0 && file->message_type_count() == 0) continue;
      absl::StrAppend(&text_, "\n## Messages of ", file->name(), "\n");
      for (int i = 0; i < file->message_type_count(); ++i) WriteMessage(*file->message_type(i));
      for (int i = 0; i < file->enum_type_count(); ++i) WriteEnum(*file->enum_type(i));
    }
  }
  const std::string& text() const { return text_; }

 private:
  // As GitHub makes them of headings.
  static std::string Anchor(const std::string& full_name) {
    return absl::StrReplaceAll(absl::AsciiStrToLower(full_name), {{".", ""}});
  }

  template <typename T>
  std::string Link(const T& type) const {
    if (!own_.contains(type.file())) return absl::StrCat("`", type.full_name(), "`");
    return absl::StrCat("[", type.name(), "](#", Anchor(type.full_name()), ")");
  }

  std::string SingleType(const FieldDescriptor& field) const {
    if (field.message_type() != nullptr) return Link(*field.message_type());
    if (field.enum_type() != nullptr) return Link(*field.enum_type());
    return field.type_name();
  }

  std::string Type(const FieldDescriptor& field) const {
    if (field.is_map()) {
      const Descriptor& entry = *field.message_type();
      return absl::StrCat("map: ", SingleType(*entry.map_key()), " → ",
                          SingleType(*entry.map_value()));
    }
    return absl::StrCat(field.is_repeated() ? "list of " : "", SingleType(field));
  }

  // Whom a call is for, and whether it is audited.
  static std::string RoleOf(const MethodDescriptor& method) {
    const std::string path = absl::StrCat("/", method.service()->full_name(), "/", method.name());
    const service::MethodRule rule = service::RuleOf(path);
    return absl::StrCat(
        rule.role == service::Role::kNone ? "all" : std::string(service::RoleName(rule.role)),
        rule.changes ? ", audited" : "");
  }

  void WriteService(const ServiceDescriptor& service) {
    absl::StrAppend(&text_, "\n## ", service.full_name(), "\n\n", Comment(service),
                    "\n\n| call | request | response | role | what it does |\n"
                    "| --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < service.method_count(); ++i) {
      const MethodDescriptor& method = *service.method(i);
      absl::StrAppend(&text_, "| `", method.name(), "` | ", Link(*method.input_type()), " | ",
                      method.server_streaming() ? "stream of " : "", Link(*method.output_type()),
                      " | ", RoleOf(method), " | ", Cell(Comment(method)), " |\n");
    }
  }

  void WriteMessage(const Descriptor& type) {
    absl::StrAppend(&text_, "\n### ", type.full_name(), "\n\n", Comment(type), "\n");
    if (type.field_count() > 0) {
      absl::StrAppend(&text_, "\n| field | number | type | meaning |\n| --- | --- | --- | --- |\n");
    }
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      absl::StrAppend(&text_, "| `", field.name(), "` | ", field.number(), " | ", Cell(Type(field)),
                      " | ", Cell(Comment(field)), " |\n");
    }
    for (int i = 0; i < type.nested_type_count(); ++i) {
      if (!type.nested_type(i)->options().map_entry()) WriteMessage(*type.nested_type(i));
    }
    for (int i = 0; i < type.enum_type_count(); ++i) WriteEnum(*type.enum_type(i));
  }

  void WriteEnum(const EnumDescriptor& type) {
    absl::StrAppend(&text_, "\n### ", type.full_name(), "\n\n", Comment(type),
                    "\n\n| value | number | meaning |\n| --- | --- | --- |\n");
    for (int i = 0; i < type.value_count(); ++i) {
      absl::StrAppend(&text_, "| `", type.value(i)->name(), "` | ", type.value(i)->number(), " | ",
                      Cell(Comment(*type.value(i))), " |\n");
    }
  }

  std::set<const FileDescriptor*> own_;
  std::string text_;
};

int Run(const std::string& descriptors, const std::vector<std::string>& names) {
  google::protobuf::DescriptorPool pool;
  if (!LoadDescriptors(descriptors, pool)) return 1;
  std::vector<const FileDescriptor*> files;
  for (const std::string& name : names) {
    files.push_back(pool.FindFileByName(name));
    if (files.back() == nullptr) {
      std::cerr << "api_doc: no file " << name << "\n";
      return 1;
    }
  }
  std::cout << Page(files).text();
  return std::cout.flush().good() ? 0 : 1;
}

}  // namespace
}  // namespace mentat

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: api_doc DESCRIPTORS FILE...\n";
    return 2;
  }
  return mentat::Run(argv[1], std::vector<std::string>(argv + 2, argv + argc));
}
