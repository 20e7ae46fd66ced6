#include "common/pipeline/keyring.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::pipeline {
namespace {

using Paths = google::protobuf::RepeatedPtrField<std::string>;

// With keys nothing is plain, so each edge has to say whom it trusts; without, a list that nobody
// heeds would deceive.
absl::StatusOr<PublicKeys> ReadAllowed(const Paths& paths, bool encrypted,
                                       const std::string& field) {
  if (!encrypted) {
    if (paths.empty()) return PublicKeys();
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": has no effect without pipeline.curve"));
  }
  if (paths.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field,
                     ": must be given where pipeline.curve is: files with the public keys of "
                     "the stages at the other end, or folders of them"));
  }
  absl::StatusOr<PublicKeys> keys =
      ReadPublicKeys(std::vector<std::string>(paths.begin(), paths.end()));
  if (!keys.ok()) {
    return absl::Status(keys.status().code(), absl::StrCat(field, ": ", keys.status().message()));
  }
  return keys;
}

}  // namespace

bool Keyring::MayAcknowledge(std::string_view key) const {
  return std::any_of(receivers.begin(), receivers.end(),
                     [&](const auto& output) { return output.second.contains(key); });
}

std::string Keyring::Name(std::string_view key) const {
  if (const auto it = senders.find(key); it != senders.end()) return it->second;
  for (const auto& [output, keys] : receivers) {
    if (const auto it = keys.find(key); it != keys.end()) return it->second;
  }
  return "";
}

absl::StatusOr<std::shared_ptr<const Keyring>> LoadKeyring(const config::v1::PipelineConfig& config,
                                                           const KeyPair* own) {
  const bool encrypted = config.has_curve();
  auto keyring = std::make_shared<Keyring>();
  if (encrypted && own != nullptr) {
    keyring->own = *own;
  } else if (encrypted) {
    absl::StatusOr<KeyPair> read = ReadKeyPair(config.curve().secret_key_file());
    if (!read.ok()) {
      return absl::Status(read.status().code(), absl::StrCat("pipeline.curve.secret_key_file: ",
                                                             read.status().message()));
    }
    keyring->own = *std::move(read);
  }
  if (config.has_input()) {
    ASSIGN_OR_RETURN(keyring->senders, ReadAllowed(config.input().allowed_keys(), encrypted,
                                                   "pipeline.input.allowed_keys"));
  }
  for (const auto& [name, output] : config.outputs()) {
    ASSIGN_OR_RETURN(keyring->receivers[name],
                     ReadAllowed(output.allowed_keys(), encrypted,
                                 absl::StrCat("pipeline.outputs.", name, ".allowed_keys")));
  }
  if (!encrypted) return nullptr;
  return keyring;
}

}  // namespace mentat::pipeline
