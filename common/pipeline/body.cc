#include "common/pipeline/body.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/pipeline/wire.h"
#include "mentat/pipeline/v1/batch.pb.h"

namespace mentat::pipeline {
namespace {

constexpr size_t kFirstCapacity = 4096;

// Field numbers of `Batch` and `Item`.
constexpr uint32_t kItems = wire::Tag(7, wire::Type::kLength);
constexpr uint32_t kEvent = wire::Tag(1, wire::Type::kLength);
constexpr uint32_t kReceivedAt = wire::Tag(2, wire::Type::kVarint);
constexpr uint32_t kDeadLetter = wire::Tag(3, wire::Type::kLength);
constexpr uint32_t kHeartbeat = wire::Tag(4, wire::Type::kVarint);

size_t LengthFieldBytes(size_t bytes) { return 1 + wire::VarintBytes(bytes) + bytes; }

size_t ItemBytes(size_t event_bytes, int64_t received_at, const v1::DeadLetter* dead_letter,
                 bool heartbeat) {
  size_t bytes = 0;
  if (event_bytes > 0) bytes += LengthFieldBytes(event_bytes);
  if (received_at != 0) bytes += 1 + wire::VarintBytes(static_cast<uint64_t>(received_at));
  if (dead_letter != nullptr) bytes += LengthFieldBytes(dead_letter->ByteSizeLong());
  if (heartbeat) bytes += 2;
  return bytes;
}

}  // namespace

Body& Body::operator=(Body&& other) noexcept {
  buffer_ = std::move(other.buffer_);
  capacity_ = std::exchange(other.capacity_, 0);
  size_ = std::exchange(other.size_, 0);
  largest_ = std::exchange(other.largest_, 0);
  events_ = std::exchange(other.events_, 0);
  headed_ = std::exchange(other.headed_, false);
  return *this;
}

size_t Body::EntryBytes(size_t event_bytes, int64_t received_at, const v1::DeadLetter* dead_letter,
                        bool heartbeat) {
  return LengthFieldBytes(ItemBytes(event_bytes, received_at, dead_letter, heartbeat));
}

void Body::Reserve(size_t bytes) {
  if (bytes > capacity_) Grow(bytes);
}

void Body::Grow(size_t bytes) {
  auto buffer = std::make_shared_for_overwrite<char[]>(kHeadRoom + bytes);
  if (size_ > 0) std::memcpy(buffer.get() + kHeadRoom, buffer_.get() + kHeadRoom, size_);
  buffer_ = std::move(buffer);
  capacity_ = bytes;
}

// Writes an entry except for the event's bytes; returns where those belong.
char* Body::Entry(size_t event_bytes, int64_t received_at, const v1::DeadLetter* dead_letter,
                  bool heartbeat) {
  const size_t item_bytes = ItemBytes(event_bytes, received_at, dead_letter, heartbeat);
  const size_t entry_bytes = LengthFieldBytes(item_bytes);
  if (size_ + entry_bytes > capacity_) {
    Grow(std::max({kFirstCapacity, 2 * capacity_, size_ + entry_bytes}));
  }
  char* to = buffer_.get() + kHeadRoom + size_;
  *to++ = static_cast<char>(kItems);
  to = wire::WriteVarint(item_bytes, to);
  char* event = to;
  if (event_bytes > 0) {
    *to++ = static_cast<char>(kEvent);
    event = wire::WriteVarint(event_bytes, to);
    to = event + event_bytes;
  }
  if (received_at != 0) {
    *to++ = static_cast<char>(kReceivedAt);
    to = wire::WriteVarint(static_cast<uint64_t>(received_at), to);
  }
  if (dead_letter != nullptr) {
    *to++ = static_cast<char>(kDeadLetter);
    to = wire::WriteVarint(dead_letter->GetCachedSize(), to);
    to = reinterpret_cast<char*>(
        dead_letter->SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(to)));
  }
  if (heartbeat) {
    *to++ = static_cast<char>(kHeartbeat);
    *to = 1;
  }
  size_ += entry_bytes;
  largest_ = std::max(largest_, entry_bytes);
  ++events_;
  return event;
}

void Body::Append(std::string_view event, int64_t received_at, const v1::DeadLetter* dead_letter,
                  bool heartbeat) {
  char* const to = Entry(event.size(), received_at, dead_letter, heartbeat);
  if (!event.empty()) std::memcpy(to, event.data(), event.size());
}

void Body::AppendSized(const google::protobuf::MessageLite& event, int64_t received_at) {
  char* const to = Entry(static_cast<size_t>(event.GetCachedSize()), received_at, nullptr, false);
  event.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(to));
}

SharedBytes Body::WithHead(std::string_view head) {
  if (headed_ || head.size() > kHeadRoom || buffer_ == nullptr) {
    auto copy = std::make_shared_for_overwrite<char[]>(head.size() + size_);
    std::memcpy(copy.get(), head.data(), head.size());
    if (size_ > 0) std::memcpy(copy.get() + head.size(), bytes().data(), size_);
    const std::string_view whole(copy.get(), head.size() + size_);
    return {std::move(copy), whole};
  }
  headed_ = true;
  char* const start = buffer_.get() + kHeadRoom - head.size();
  std::memcpy(start, head.data(), head.size());
  return {buffer_, std::string_view(start, head.size() + size_)};
}

}  // namespace mentat::pipeline
