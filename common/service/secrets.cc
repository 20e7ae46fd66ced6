#include "common/service/secrets.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/service/config_binder.h"
#include "google/protobuf/descriptor.h"
#include "mentat/config/v1/options.pb.h"

namespace mentat::service {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr std::string_view kSet = "--set";

bool HoldsSecret(const FieldDescriptor& field, std::set<const Descriptor*>& seen);

bool HoldsSecret(const Descriptor& type, std::set<const Descriptor*>& seen) {
  if (!seen.insert(&type).second) return false;
  for (int i = 0; i < type.field_count(); ++i) {
    if (HoldsSecret(*type.field(i), seen)) return true;
  }
  return false;
}

bool HoldsSecret(const FieldDescriptor& field, std::set<const Descriptor*>& seen) {
  if (field.options().GetExtension(config::v1::rules).secret()) return true;
  return field.message_type() != nullptr && HoldsSecret(*field.message_type(), seen);
}

bool IsSecret(const Descriptor& config, const std::vector<std::string>& path) {
  const auto field = FindConfigField(config, path);
  if (!field.ok() || *field == nullptr) return false;
  std::set<const Descriptor*> seen;
  return HoldsSecret(**field, seen);
}

// Overwrites what stands behind the first `=`.
void HideValue(char* text) {
  char* const equals = std::strchr(text, '=');
  if (equals != nullptr) std::memset(equals + 1, '*', std::strlen(equals + 1));
}

// The part before the first `=`.
std::string NameOf(const char* text) {
  const std::string_view view(text);
  return std::string(view.substr(0, view.find('=')));
}

}  // namespace

void HideSecrets(int argc, char** argv, std::string_view service, const Descriptor& config) {
  for (int i = 1; i < argc; ++i) {
    char* set = nullptr;
    const std::string_view argument(argv[i]);
    if (argument == kSet && i + 1 < argc) {
      set = argv[++i];
    } else if (argument.starts_with(kSet) && argument.substr(kSet.size()).starts_with('=')) {
      set = argv[i] + kSet.size() + 1;
    }
    if (set != nullptr && IsSecret(config, absl::StrSplit(NameOf(set), '.'))) HideValue(set);
  }
  std::string upper = absl::AsciiStrToUpper(std::string(service));
  std::replace(upper.begin(), upper.end(), '-', '_');
  const std::string prefix = absl::StrCat("MENTAT_", upper, "__");
  for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) {
    const std::string name = NameOf(*each);
    if (!name.starts_with(prefix)) continue;
    const std::string path = absl::AsciiStrToLower(name.substr(prefix.size()));
    if (IsSecret(config, absl::StrSplit(path, "__"))) HideValue(*each);
  }
}

absl::Status LimitCoreFiles() {
  const char* variable = std::getenv("MENTAT_CORE_FILES");
  const bool allowed = variable != nullptr && std::string_view(variable) == "1";
  // Who takes core files by a pipe need not heed the limit, but gets no memory: bits for the kinds
  // of mappings, core(5); 0x33 is the kernel's own default. Not every sandbox has the file.
  std::ofstream("/proc/self/coredump_filter") << (allowed ? "0x33" : "0");
  if (allowed) return absl::OkStatus();
  rlimit limit = {};
  if (::getrlimit(RLIMIT_CORE, &limit) == 0) {
    limit.rlim_cur = 0;
    if (::setrlimit(RLIMIT_CORE, &limit) == 0) return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "cannot keep the process from leaving core files");
}

}  // namespace mentat::service
