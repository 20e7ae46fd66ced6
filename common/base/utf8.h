// UTF-8 that is cut to a size.
#ifndef COMMON_BASE_UTF8_H_
#define COMMON_BASE_UTF8_H_

#include <cstddef>
#include <string_view>

namespace mentat {

// The longest beginning of `text` that has `most` bytes at the most and ends between two
// characters.
inline std::string_view Utf8Prefix(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace mentat

#endif  // COMMON_BASE_UTF8_H_
