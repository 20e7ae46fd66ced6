// SHA-256 (FIPS 180-4), by OpenSSL. Stateless functions, thread-safe.
#ifndef COMMON_BASE_SHA256_H_
#define COMMON_BASE_SHA256_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace mentat {

using Sha256Digest = std::array<uint8_t, 32>;

Sha256Digest Sha256(std::string_view bytes);
// 64 lower-case digits.
std::string Sha256Hex(std::string_view bytes);

// Whether both are the same, in a time that does not depend on where they differ.
bool SameInConstantTime(const Sha256Digest& a, const Sha256Digest& b);

}  // namespace mentat

#endif  // COMMON_BASE_SHA256_H_
