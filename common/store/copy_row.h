// One row in the text format of COPY, value by value. PostgreSQL's text cannot hold U+0000: it
// becomes U+FFFD.
//
// Used by one thread at a time.
#ifndef COMMON_STORE_COPY_ROW_H_
#define COMMON_STORE_COPY_ROW_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mentat::store {

class CopyRow {
 public:
  // Appends to `out`, which outlives the row.
  explicit CopyRow(std::string* out) : out_(out) {}

  void Null();
  void Boolean(bool value);
  void Text(std::string_view text);
  void TextArray(std::span<const std::string_view> items);
  void IntArray(std::span<const int64_t> items);
  // A value that is known to contain nothing to be escaped.
  void Plain(std::string_view text);
  // Ends the row.
  void End();

 private:
  void Separate();

  std::string* out_;
  bool first_ = true;
};

}  // namespace mentat::store

#endif  // COMMON_STORE_COPY_ROW_H_
