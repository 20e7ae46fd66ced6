// The frame around each message of the batch protocol: magic, version, kind, checksum, length.
// docs/protocol.md, "Sockets and frames". Stateless functions, thread-safe.
#ifndef COMMON_PIPELINE_FRAME_H_
#define COMMON_PIPELINE_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace google::protobuf {
class MessageLite;
}

namespace mentat::pipeline {

enum class FrameKind : uint8_t { kBatch = 1, kAck = 2, kControl = 3 };

inline constexpr size_t kFrameHeaderBytes = 16;
inline constexpr uint8_t kProtocolVersion = 1;

// A frame as it came: its kind and, pointing into it, the payload.
struct Frame {
  FrameKind kind;
  std::string_view payload;
};

// Writes the header of a frame whose payload is `first` and then `rest`; there are
// kFrameHeaderBytes at `to`.
void WriteFrameHeader(FrameKind kind, std::string_view first, std::string_view rest, char* to);

std::string EncodeFrame(FrameKind kind, const google::protobuf::MessageLite& message);

// DataLoss or InvalidArgument for anything that is not a whole frame of this version; the message
// is one of a few words fit for a metric's label: short, magic, version, kind, length, checksum.
absl::StatusOr<Frame> DecodeFrame(std::string_view bytes);

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_FRAME_H_
