#include "common/store/copy_row.h"

#include <endian.h>

#include <cstring>

namespace mentat::store {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Identifiers of types, fixed in catalog/pg_type.dat.
constexpr int32_t kInt8 = 20;
constexpr int32_t kInt4 = 23;
constexpr int32_t kText = 25;

// utils/rangetypes.h
constexpr char kBothBoundsIncluded = 0x02 | 0x04;
// utils/inet.h
constexpr char kFamilyIp4 = 2;
constexpr char kFamilyIp6 = 3;

// 2000-01-01T00:00:00Z, from which PostgreSQL counts.
constexpr int64_t kEpoch = 946'684'800'000'000;

template <typename Number>
void AppendBytes(Number big_endian, std::string* out) {
  out->append(reinterpret_cast<const char*>(&big_endian), sizeof(big_endian));
}

}  // namespace

CopyRow::CopyRow(size_t columns, std::string* out) : out_(out) {
  AppendBytes(htobe16(static_cast<uint16_t>(columns)), out_);
}

void CopyRow::Int32(int32_t value) { AppendBytes(htobe32(static_cast<uint32_t>(value)), out_); }
void CopyRow::Int64(int64_t value) { AppendBytes(htobe64(static_cast<uint64_t>(value)), out_); }

size_t CopyRow::BeginValue() {
  Int32(0);
  return out_->size();
}

void CopyRow::EndValue(size_t begin) {
  const uint32_t length = htobe32(static_cast<uint32_t>(out_->size() - begin));
  std::memcpy(out_->data() + begin - sizeof(length), &length, sizeof(length));
}

void CopyRow::Null() { Int32(-1); }

void CopyRow::Boolean(bool value) {
  Int32(1);
  *out_ += value ? '\1' : '\0';
}

void CopyRow::Time(int64_t time) {
  Int32(sizeof(time));
  Int64(time - kEpoch);
}

void CopyRow::Text(std::string_view text) {
  if (text.find('\0') == std::string_view::npos) {
    Int32(static_cast<int32_t>(text.size()));
    *out_ += text;
    return;
  }
  const size_t begin = BeginValue();
  for (char c : text) {
    if (c == '\0') {
      *out_ += kReplacement;
    } else {
      *out_ += c;
    }
  }
  EndValue(begin);
}

void CopyRow::ArrayHead(size_t items, int32_t type) {
  Int32(items == 0 ? 0 : 1);  // dimensions
  Int32(0);                   // no item is NULL
  Int32(type);
  if (items == 0) return;
  Int32(static_cast<int32_t>(items));
  Int32(1);  // the number of the first item
}

void CopyRow::TextArray(std::span<const std::string_view> items) {
  const size_t begin = BeginValue();
  ArrayHead(items.size(), kText);
  for (std::string_view item : items) Text(item);
  EndValue(begin);
}

void CopyRow::Int4Array(std::span<const int64_t> items) {
  const size_t begin = BeginValue();
  ArrayHead(items.size(), kInt4);
  for (int64_t item : items) {
    Int32(sizeof(int32_t));
    Int32(static_cast<int32_t>(item));
  }
  EndValue(begin);
}

void CopyRow::Int8Array(std::span<const int64_t> items) {
  const size_t begin = BeginValue();
  ArrayHead(items.size(), kInt8);
  for (int64_t item : items) {
    Int32(sizeof(item));
    Int64(item);
  }
  EndValue(begin);
}

void CopyRow::Address(idea::Family family, absl::uint128 address) {
  const size_t begin = BeginValue();
  const bool ip4 = family == idea::Family::kIp4;
  const char head[] = {ip4 ? kFamilyIp4 : kFamilyIp6,
                       static_cast<char>(ip4 ? 32 : 128),  // bits of the prefix
                       0,                                  // an inet, no cidr
                       static_cast<char>(ip4 ? 4 : 16)};   // bytes that follow
  out_->append(head, sizeof(head));
  if (ip4) {
    Int32(static_cast<int32_t>(absl::Uint128Low64(address)));
  } else {
    Int64(static_cast<int64_t>(absl::Uint128High64(address)));
    Int64(static_cast<int64_t>(absl::Uint128Low64(address)));
  }
  EndValue(begin);
}

void CopyRow::NetRanges(std::span<const idea::AddressRange> ranges) {
  const size_t begin = BeginValue();
  Int32(static_cast<int32_t>(ranges.size()));
  for (const idea::AddressRange& range : ranges) {
    const size_t range_begin = BeginValue();
    *out_ += kBothBoundsIncluded;
    Address(range.family, range.first);
    Address(range.family, range.last);
    EndValue(range_begin);
  }
  EndValue(begin);
}

}  // namespace mentat::store
