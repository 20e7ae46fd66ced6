// Rows in the binary format of COPY, value by value: the server has nothing to parse, which is what
// most of its time would go into. PostgreSQL's documentation of COPY has the frame; each value is
// what the type's send function writes (backend/utils/adt).
//
// PostgreSQL's text cannot hold U+0000: it becomes U+FFFD. Used by one thread at a time.
#ifndef COMMON_STORE_COPY_ROW_H_
#define COMMON_STORE_COPY_ROW_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/idea/address.h"

namespace mentat::store {

class CopyRow {
 public:
  // Begins a row of `columns` values at the end of `out`, which outlives this.
  CopyRow(size_t columns, std::string* out);

  void Null();
  void Boolean(bool value);
  void Text(std::string_view text);  // text or json
  // A text without U+0000 that `append` writes to the end of a string.
  template <typename Append>
  void TextFrom(Append append) {
    const size_t begin = BeginValue();
    append(out_);
    EndValue(begin);
  }
  // timestamptz; microseconds since 1970-01-01T00:00:00Z.
  void Time(int64_t time);
  void TextArray(std::span<const std::string_view> items);
  void Int4Array(std::span<const int64_t> items);  // integer[]
  void Int8Array(std::span<const int64_t> items);  // bigint[]
  // inetmultirange; the ranges are disjoint and in order.
  void NetRanges(std::span<const idea::AddressRange> ranges);

 private:
  void Int32(int32_t value);
  void Int64(int64_t value);
  void ArrayHead(size_t items, int32_t type);
  void Address(idea::Family family, absl::uint128 address);
  // Leaves place for the length of a value, which is filled in at the value's end; gives where the
  // value begins.
  size_t BeginValue();
  void EndValue(size_t begin);

  std::string* out_;
};

}  // namespace mentat::store

#endif  // COMMON_STORE_COPY_ROW_H_
