#include "common/pipeline/frame.h"

#include <libdeflate.h>

#include <cstring>

#include "google/protobuf/message_lite.h"

namespace mentat::pipeline {
namespace {

uint32_t LoadLittleEndian(const char* bytes) {
  const auto* b = reinterpret_cast<const unsigned char*>(bytes);
  return b[0] | b[1] << 8 | b[2] << 16 | static_cast<uint32_t>(b[3]) << 24;
}

void StoreLittleEndian(uint32_t value, char* bytes) {
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
}

// Continues the checksum of what came before, 0 if nothing did.
uint32_t Checksum(uint32_t before, std::string_view bytes) {
  // The library takes a null pointer for a wish to begin anew.
  return bytes.empty() ? before : libdeflate_crc32(before, bytes.data(), bytes.size());
}

}  // namespace

void WriteFrameHeader(FrameKind kind, std::string_view first, std::string_view rest, char* to) {
  std::memcpy(to, "MNT", 3);
  to[3] = static_cast<char>(kProtocolVersion);
  to[4] = static_cast<char>(kind);
  std::memset(to + 5, 0, 3);
  StoreLittleEndian(Checksum(Checksum(0, first), rest), to + 8);
  StoreLittleEndian(static_cast<uint32_t>(first.size() + rest.size()), to + 12);
}

std::string EncodeFrame(FrameKind kind, const google::protobuf::MessageLite& message) {
  std::string frame(kFrameHeaderBytes + message.ByteSizeLong(), '\0');
  char* payload = frame.data() + kFrameHeaderBytes;
  message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(payload));
  WriteFrameHeader(kind, std::string_view(frame).substr(kFrameHeaderBytes), {}, frame.data());
  return frame;
}

absl::StatusOr<Frame> DecodeFrame(std::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes) return absl::DataLossError("short");
  if (bytes.substr(0, 3) != "MNT") return absl::InvalidArgumentError("magic");
  if (bytes[3] != kProtocolVersion) return absl::InvalidArgumentError("version");
  if (bytes[4] < 1 || bytes[4] > 3 || bytes.substr(5, 3) != std::string_view("\0\0\0", 3)) {
    return absl::InvalidArgumentError("kind");
  }
  const std::string_view payload = bytes.substr(kFrameHeaderBytes);
  if (LoadLittleEndian(bytes.data() + 12) != payload.size()) return absl::DataLossError("length");
  if (LoadLittleEndian(bytes.data() + 8) != Checksum(0, payload)) {
    return absl::DataLossError("checksum");
  }
  return Frame{static_cast<FrameKind>(bytes[4]), payload};
}

}  // namespace mentat::pipeline
