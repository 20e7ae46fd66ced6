// Numbers of JSON read exactly, without a way over binary fractions (RFC 8259, section 6).
#ifndef COMMON_IDEA_DECIMAL_H_
#define COMMON_IDEA_DECIMAL_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace mentat::idea {

struct ScaledDecimal {
  int64_t value = 0;
  bool exact = true;  // whether nothing was cut off
};

// The number times 10^scale, cut towards zero; nothing beyond 64 bits. `literal` is a number by
// JSON's grammar, of any length.
std::optional<ScaledDecimal> ReadDecimal(std::string_view literal, int scale);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_DECIMAL_H_
