#include "common/pipeline/batch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/pipeline/frame.h"
#include "common/pipeline/wire.h"

namespace mentat::pipeline {
namespace {

using wire::Tag;
using wire::Type;

// Fields of `Batch`.
constexpr uint32_t kEpoch = Tag(1, Type::kFixed64);
constexpr uint32_t kId = Tag(2, Type::kVarint);
constexpr uint32_t kAttempt = Tag(3, Type::kVarint);
constexpr uint32_t kAckEndpoint = Tag(4, Type::kLength);
constexpr uint32_t kDeadlineMs = Tag(5, Type::kVarint);
constexpr uint32_t kIsolated = Tag(6, Type::kVarint);
constexpr uint32_t kItems = Tag(7, Type::kLength);

// Fields of `Item`.
constexpr uint32_t kEvent = Tag(1, Type::kLength);
constexpr uint32_t kReceivedAt = Tag(2, Type::kVarint);
constexpr uint32_t kDeadLetter = Tag(3, Type::kLength);
constexpr uint32_t kHeartbeat = Tag(4, Type::kVarint);

bool ReadItem(std::string_view bytes, ItemView* item, BatchView* batch) {
  wire::Reader reader(bytes);
  v1::DeadLetter* dead_letter = nullptr;
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    uint64_t number = 0;
    std::string_view inner;
    if (!reader.ReadTag(&tag)) return false;
    switch (tag) {
      case kEvent:
        if (!reader.ReadBytes(&item->event)) return false;
        break;
      case kReceivedAt:
        if (!reader.ReadVarint(&number)) return false;
        item->received_at = static_cast<int64_t>(number);
        break;
      case kDeadLetter: {
        if (!reader.ReadBytes(&inner)) return false;
        if (dead_letter == nullptr) {
          batch->dead_letters.push_back(std::make_unique<v1::DeadLetter>());
          item->dead_letter = dead_letter = batch->dead_letters.back().get();
        }
        // A message that is given twice is merged.
        v1::DeadLetter more;
        if (!more.ParseFromArray(inner.data(), static_cast<int>(inner.size()))) return false;
        dead_letter->MergeFrom(more);
        break;
      }
      case kHeartbeat:
        if (!reader.ReadVarint(&number)) return false;
        item->heartbeat = number != 0;
        break;
      default:
        if (!reader.Skip(tag)) return false;
    }
  }
  return true;
}

// Endpoints are ASCII; anything else in a `string` would have to be UTF-8.
bool IsAscii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

}  // namespace

SharedBytes EncodeBatch(const BatchHeader& header, Body& body) {
  std::string head(kFrameHeaderBytes + 64 + header.ack_endpoint.size(), '\0');
  char* to = head.data() + kFrameHeaderBytes;
  const auto field = [&to](uint32_t tag, uint64_t value) {
    if (value == 0) return;
    *to++ = static_cast<char>(tag);
    to = wire::WriteVarint(value, to);
  };
  if (header.epoch != 0) {
    *to++ = static_cast<char>(kEpoch);
    to = wire::WriteFixed64(header.epoch, to);
  }
  field(kId, header.id);
  field(kAttempt, header.attempt);
  if (!header.ack_endpoint.empty()) {
    field(kAckEndpoint, header.ack_endpoint.size());
    to += header.ack_endpoint.copy(to, header.ack_endpoint.size());
  }
  field(kDeadlineMs, header.deadline_ms);
  field(kIsolated, header.isolated ? 1 : 0);
  head.resize(to - head.data());
  WriteFrameHeader(FrameKind::kBatch, std::string_view(head).substr(kFrameHeaderBytes),
                   body.bytes(), head.data());
  return body.WithHead(head);
}

absl::StatusOr<BatchView> DecodeBatch(std::string_view payload, uint32_t max_events) {
  BatchView batch;
  batch.bytes = payload.size();
  batch.items.reserve(std::min<size_t>(max_events, payload.size() / 256 + 1));
  wire::Reader reader(payload);
  const auto malformed = [] { return absl::InvalidArgumentError("message"); };
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    uint64_t number = 0;
    std::string_view item;
    bool sound = reader.ReadTag(&tag);
    if (!sound) return malformed();
    switch (tag) {
      case kItems:
        if (!reader.ReadBytes(&item)) return malformed();
        if (batch.items.size() == max_events) return absl::InvalidArgumentError("events");
        if (!ReadItem(item, &batch.items.emplace_back(), &batch)) return malformed();
        break;
      case kEpoch:
        sound = reader.ReadFixed64(&batch.header.epoch);
        break;
      case kId:
        sound = reader.ReadVarint(&batch.header.id);
        break;
      case kAttempt:
        sound = reader.ReadVarint(&number);
        batch.header.attempt = static_cast<uint32_t>(number);
        break;
      case kAckEndpoint:
        sound = reader.ReadBytes(&batch.header.ack_endpoint) && IsAscii(batch.header.ack_endpoint);
        break;
      case kDeadlineMs:
        sound = reader.ReadVarint(&number);
        batch.header.deadline_ms = static_cast<uint32_t>(number);
        break;
      case kIsolated:
        sound = reader.ReadVarint(&number);
        batch.header.isolated = number != 0;
        break;
      default:
        sound = reader.Skip(tag);
    }
    if (!sound) return malformed();
  }
  return batch;
}

BatchView ViewOf(const Body& body) {
  return DecodeBatch(body.bytes(), body.events()).value();  // its entries are sound
}

}  // namespace mentat::pipeline
