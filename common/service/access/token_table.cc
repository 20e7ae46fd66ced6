#include "common/service/access/token_table.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/secret_file.h"
#include "common/base/status_macros.h"

namespace mentat::service {
namespace {

constexpr std::string_view kHashed = "sha256:";
// Shorter ones could be guessed.
constexpr size_t kMinTokenBytes = 16;
constexpr size_t kMaxTokens = 1000;

bool IsName(std::string_view name) {
  return name.size() <= 128 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 ||
                  std::string_view("-_.@").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

std::optional<Sha256Digest> ParseDigest(std::string_view hex) {
  const bool digits =
      std::all_of(hex.begin(), hex.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  Sha256Digest digest;
  if (hex.size() != 2 * digest.size() || !digits) return std::nullopt;
  const std::string bytes = absl::HexStringToBytes(std::string(hex));
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

// What is wrong with a line, or the entry that it makes.
absl::StatusOr<TokenEntry> ParseLine(std::string_view line) {
  const std::vector<std::string> words =
      absl::StrSplit(std::string(line), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() != 3) {
    return absl::InvalidArgumentError("expected NAME ROLE SECRET, three words");
  }
  TokenEntry entry;
  entry.name = words[0];
  if (!IsName(entry.name)) {
    return absl::InvalidArgumentError(
        "the name (first word) may have letters, digits and -_.@ alone");
  }
  const std::optional<Role> role = ParseRole(words[1]);
  if (!role.has_value() || role == Role::kNone) {
    return absl::InvalidArgumentError("the role (second word) must be viewer, operator or admin");
  }
  entry.role = *role;
  const std::string_view secret = words[2];
  if (secret.starts_with(kHashed)) {
    const std::optional<Sha256Digest> digest = ParseDigest(secret.substr(kHashed.size()));
    if (!digest.has_value()) {
      return absl::InvalidArgumentError("behind sha256: expected 64 hexadecimal digits");
    }
    entry.digest = *digest;
    return entry;
  }
  if (secret.size() < kMinTokenBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token (third word) must have ", kMinTokenBytes, " characters or more"));
  }
  entry.digest = Sha256(secret);
  return entry;
}

}  // namespace

absl::StatusOr<TokenTable> TokenTable::Read(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadSecretFile(path));
  return Parse(text, path);
}

absl::StatusOr<TokenTable> TokenTable::Parse(std::string_view text, const std::string& path) {
  TokenTable table;
  int number = 0;
  const auto error = [&](std::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":", number, ": ", std::string(what)));
  };
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    const absl::string_view line = absl::StripAsciiWhitespace({text.data(), end});
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<TokenEntry> entry = ParseLine({line.data(), line.size()});
    if (!entry.ok()) return error(std::string(entry.status().message()));
    for (const TokenEntry& other : table.entries_) {
      if (other.digest == entry->digest) return error("the token of another line");
    }
    if (table.entries_.size() >= kMaxTokens) return error("too many tokens");
    table.entries_.push_back(*std::move(entry));
  }
  return table;
}

const TokenEntry* TokenTable::Find(std::string_view token) const {
  const Sha256Digest digest = Sha256(token);
  const TokenEntry* found = nullptr;
  for (const TokenEntry& entry : entries_) {
    if (SameInConstantTime(entry.digest, digest)) found = &entry;
  }
  return found;
}

}  // namespace mentat::service
