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

uint32_t Checksum(std::string_view payload) {
  return libdeflate_crc32(0, payload.data(), payload.size());
}

}  // namespace

std::string EncodeFrame(FrameKind kind, const google::protobuf::MessageLite& message) {
  std::string frame(kFrameHeaderBytes + message.ByteSizeLong(), '\0');
  char* payload = frame.data() + kFrameHeaderBytes;
  message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(payload));
  std::memcpy(frame.data(), "MNT", 3);
  frame[3] = static_cast<char>(kProtocolVersion);
  frame[4] = static_cast<char>(kind);
  const std::string_view body = std::string_view(frame).substr(kFrameHeaderBytes);
  StoreLittleEndian(Checksum(body), frame.data() + 8);
  StoreLittleEndian(static_cast<uint32_t>(body.size()), frame.data() + 12);
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
  if (LoadLittleEndian(bytes.data() + 8) != Checksum(payload)) {
    return absl::DataLossError("checksum");
  }
  return Frame{static_cast<FrameKind>(bytes[4]), payload};
}

}  // namespace mentat::pipeline
