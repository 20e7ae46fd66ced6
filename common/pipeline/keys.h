// Keys of the pipeline's encryption (CURVE, RFC 26) and the files they stand in: ZeroMQ
// certificates as CZMQ and pyzmq write them, NAME.key with the public key and NAME.key_secret with
// both. Keys are 40 characters of Z85 (RFC 32). Stateless functions, thread-safe; no error holds a
// secret key.
#ifndef COMMON_PIPELINE_KEYS_H_
#define COMMON_PIPELINE_KEYS_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mentat::pipeline {

inline constexpr size_t kKeyCharacters = 40;
inline constexpr std::string_view kPublicKeySuffix = ".key";
inline constexpr std::string_view kSecretKeySuffix = ".key_secret";

struct KeyPair {
  std::string public_key;
  std::string secret_key;
};

// Names of keys, which are the names of their files without the suffix, by public key.
using PublicKeys = std::map<std::string, std::string, std::less<>>;

// Unimplemented if this libzmq was built without encryption.
absl::Status CheckCurveSupport();

absl::StatusOr<KeyPair> MakeKeyPair();
// Writes NAME.key and NAME.key_secret, the latter for the owner alone. AlreadyExists if either is
// there: a key is never overwritten.
absl::Status WriteKeyPair(const std::filesystem::path& folder, const std::string& name,
                          const KeyPair& keys);

// FailedPrecondition if users beside the owner and the group may read the file, or the group may
// write it; InvalidArgument names file and line of what is wrong.
absl::StatusOr<KeyPair> ReadKeyPair(const std::filesystem::path& file);
// The public key of a file of either kind. Never gives the secret one out.
absl::StatusOr<std::string> ReadPublicKey(const std::filesystem::path& file);
// The public keys in files and in folders (those of their files that end in .key). A folder may be
// empty. A file with a secret key in it is refused: it has no business being there.
absl::StatusOr<PublicKeys> ReadPublicKeys(std::span<const std::string> paths);

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_KEYS_H_
