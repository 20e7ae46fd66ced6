#include "common/idea/decimal.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

namespace mentat::idea {
namespace {

// `5`, `+5` or `-5`; what is far beyond any text's length is cut to what is still far beyond it.
int64_t ReadExponent(std::string_view text) {
  constexpr int64_t kFar = 1'000'000'000'000'000;
  const bool negative = text.front() == '-';
  if (text.front() == '+') text.remove_prefix(1);
  int64_t exponent = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), exponent).ec != std::errc()) {
    return negative ? -kFar : kFar;
  }
  return std::clamp(exponent, -kFar, kFar);
}

// Puts a digit behind those of `value`, which is never positive, since there is one more number
// below zero than above. False beyond 64 bits.
bool Append(int digit, int64_t* value) {
  return !__builtin_mul_overflow(*value, 10, value) &&
         !__builtin_sub_overflow(*value, digit, value);
}

}  // namespace

std::optional<ScaledDecimal> ReadDecimal(std::string_view literal, int scale) {
  const bool negative = literal.front() == '-';
  if (negative) literal.remove_prefix(1);
  const size_t mark = literal.find_first_of("eE");
  const int64_t exponent =
      mark == std::string_view::npos ? 0 : ReadExponent(literal.substr(mark + 1));
  const std::string_view digits = literal.substr(0, mark);
  const size_t point = std::min(digits.find('.'), digits.size());
  // How many digits from the front stand before the point of the result.
  int64_t left = static_cast<int64_t>(point) + exponent + scale;

  ScaledDecimal result;
  for (const char c : digits) {
    if (c == '.') continue;
    if (left > 0) {
      if (!Append(c - '0', &result.value)) return std::nullopt;
    } else if (c != '0') {
      result.exact = false;
    }
    --left;
  }
  for (; left > 0 && result.value != 0; --left) {
    if (!Append(0, &result.value)) return std::nullopt;
  }
  if (!negative) {
    if (result.value == std::numeric_limits<int64_t>::min()) return std::nullopt;
    result.value = -result.value;
  }
  return result;
}

}  // namespace mentat::idea
