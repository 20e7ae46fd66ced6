// The parts of protobuf's wire format that batches are made of.
// https://protobuf.dev/programming-guides/encoding/
#ifndef COMMON_PIPELINE_WIRE_H_
#define COMMON_PIPELINE_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mentat::pipeline::wire {

enum class Type : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kLength = 2,
  kGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

constexpr uint32_t Tag(uint32_t field, Type type) {
  return field << 3 | static_cast<uint32_t>(type);
}

constexpr size_t VarintBytes(uint64_t value) {
  size_t bytes = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++bytes;
  }
  return bytes;
}

// Each returns the end of what it wrote; there must be room.
inline char* WriteVarint(uint64_t value, char* to) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

inline char* WriteFixed64(uint64_t value, char* to) {
  for (int i = 0; i < 8; ++i) *to++ = static_cast<char>(value >> (8 * i));
  return to;
}

// Reads fields from the front of some bytes. Each function returns whether the bytes are sound;
// after `false` nothing more must be read.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  bool AtEnd() const { return at_ == end_; }

  bool ReadVarint(uint64_t* value) {
    if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) {
      *value = static_cast<unsigned char>(*at_++);
      return true;
    }
    return ReadLongVarint(value);
  }

  // A field's tag; never of field 0.
  bool ReadTag(uint32_t* tag) {
    uint64_t value = 0;
    const char* const start = at_;
    if (!ReadVarint(&value) || at_ - start > 5) return false;
    // Five bytes have more than 32 bits; what is beyond is ignored, as the generated parser does.
    *tag = static_cast<uint32_t>(value);
    return *tag >> 3 != 0;
  }

  bool ReadFixed64(uint64_t* value) {
    if (end_ - at_ < 8) return false;
    *value = 0;
    for (int i = 0; i < 8; ++i) *value |= uint64_t{static_cast<unsigned char>(at_[i])} << (8 * i);
    at_ += 8;
    return true;
  }

  bool ReadBytes(std::string_view* bytes) {
    uint64_t size = 0;
    if (!ReadVarint(&size) || size > static_cast<uint64_t>(end_ - at_)) return false;
    *bytes = {at_, static_cast<size_t>(size)};
    at_ += size;
    return true;
  }

  // Skips the value of an unknown field.
  bool Skip(uint32_t tag, int depth = 0) {
    constexpr int kMaxDepth = 100;  // as protobuf has it
    uint64_t number = 0;
    std::string_view bytes;
    switch (static_cast<Type>(tag & 7)) {
      case Type::kVarint:
        return ReadVarint(&number);
      case Type::kFixed64:
        return Advance(8);
      case Type::kFixed32:
        return Advance(4);
      case Type::kLength:
        return ReadBytes(&bytes);
      case Type::kGroup:
        for (uint32_t inner = 0; depth < kMaxDepth && ReadTag(&inner);) {
          if (inner == Tag(tag >> 3, Type::kEndGroup)) return true;
          if (!Skip(inner, depth + 1)) return false;
        }
        return false;
      default:
        return false;
    }
  }

 private:
  bool ReadLongVarint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return false;
      const auto byte = static_cast<unsigned char>(*at_++);
      *value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool Advance(ptrdiff_t bytes) {
    if (end_ - at_ < bytes) return false;
    at_ += bytes;
    return true;
  }

  const char* at_;
  const char* end_;
};

}  // namespace mentat::pipeline::wire

#endif  // COMMON_PIPELINE_WIRE_H_
