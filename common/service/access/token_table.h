// The tokens that callers are known by, from a file of lines `NAME ROLE SECRET`, where SECRET is
// `sha256:` and 64 hexadecimal digits, or the token itself. Lines that are empty or begin with #
// say nothing.
#ifndef COMMON_SERVICE_ACCESS_TOKEN_TABLE_H_
#define COMMON_SERVICE_ACCESS_TOKEN_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/sha256.h"
#include "common/service/access/roles.h"

namespace mentat::service {

// A token and whose it is. The token itself is not kept.
struct TokenEntry {
  std::string name;
  Role role = Role::kNone;
  Sha256Digest digest = {};
};

// Immutable, thread-safe.
class TokenTable {
 public:
  // InvalidArgument with file and line; never with anything of a secret.
  static absl::StatusOr<TokenTable> Read(const std::string& path);
  static absl::StatusOr<TokenTable> Parse(std::string_view text, const std::string& path);

  // Null if it is nobody's. Takes as long whoever's it is.
  const TokenEntry* Find(std::string_view token) const;
  const std::vector<TokenEntry>& entries() const { return entries_; }

 private:
  std::vector<TokenEntry> entries_;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_TOKEN_TABLE_H_
