#include "tools/mentatctl/key_files.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status_macros.h"
#include "common/pipeline/keys.h"

namespace mentat::mentatctl {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<pipeline::KeyPair> Generate(const fs::path& folder, const std::string& name) {
  ASSIGN_OR_RETURN(pipeline::KeyPair keys, pipeline::MakeKeyPair());
  RETURN_IF_ERROR(pipeline::WriteKeyPair(folder, name, keys));
  return keys;
}

absl::Status Show(const fs::path& path, std::ostream& out) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    ASSIGN_OR_RETURN(const pipeline::PublicKeys keys,
                     pipeline::ReadPublicKeys(std::vector{path.string()}));
    for (const auto& [key, name] : keys) out << name << " " << key << "\n";
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string key, pipeline::ReadPublicKey(path));
  out << path.stem().string() << " " << key << "\n";
  return absl::OkStatus();
}

}  // namespace

int GenerateKeys(const std::vector<std::string>& names, const std::string& folder,
                 std::ostream& out, std::ostream& err) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    err << "mentatctl: cannot make the folder " << folder << ": " << error.message() << "\n";
    return 1;
  }
  int exit_status = 0;
  for (const std::string& name : names) {
    const absl::StatusOr<pipeline::KeyPair> keys = Generate(folder, name);
    if (keys.ok()) {
      out << name << " " << keys->public_key << "\n";
    } else {
      err << "mentatctl: " << keys.status().message() << "\n";
      exit_status = 1;
    }
  }
  return exit_status;
}

int ShowKeys(const std::vector<std::string>& paths, std::ostream& out, std::ostream& err) {
  int exit_status = 0;
  for (const std::string& path : paths) {
    if (const absl::Status status = Show(path, out); !status.ok()) {
      err << "mentatctl: " << status.message() << "\n";
      exit_status = 1;
    }
  }
  return exit_status;
}

}  // namespace mentat::mentatctl
