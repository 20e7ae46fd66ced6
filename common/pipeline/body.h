// The events of a batch as they are on the wire: `Batch.items` of proto/mentat/pipeline/v1, one
// entry after the other in one buffer.
//
//   | room for the frame header and the small fields of Batch | entry | entry | entry | … | free |
//
// Serialised protobuf messages concatenate, so what is written in front of the entries and the
// entries themselves are the Batch. An event is copied once, into its body, and stays there from
// the moment the batch is built until it is settled; the socket sends from the same memory.
//
// Movable, not copyable. Not thread-safe.
#ifndef COMMON_PIPELINE_BODY_H_
#define COMMON_PIPELINE_BODY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/pipeline/shared_bytes.h"

namespace google::protobuf {
class MessageLite;
}

namespace mentat::pipeline {

namespace v1 {
class DeadLetter;
}

class Body {
 public:
  Body() = default;
  Body(Body&& other) noexcept { *this = std::move(other); }
  Body& operator=(Body&& other) noexcept;

  // Makes room for entries of so many bytes in all.
  void Reserve(size_t bytes);

  // Adds a serialised event.
  void Append(std::string_view event, int64_t received_at,
              const v1::DeadLetter* dead_letter = nullptr, bool heartbeat = false);
  // Adds an event and serialises it in place; its ByteSizeLong() must have been asked for since it
  // was changed last.
  void AppendSized(const google::protobuf::MessageLite& event, int64_t received_at);

  // What an event of so many bytes takes here.
  static size_t EntryBytes(size_t event_bytes, int64_t received_at,
                           const v1::DeadLetter* dead_letter = nullptr, bool heartbeat = false);

  uint32_t events() const { return events_; }
  bool empty() const { return events_ == 0; }
  // The size of the largest entry, for limits.
  size_t largest() const { return largest_; }
  // The entries: a Batch with nothing but items. Valid until the next change.
  std::string_view bytes() const { return {buffer_.get() + kHeadRoom, size_}; }

  // The entries with `head` before them, in one piece. The first time `head` is written before the
  // entries in place; later, when a socket may still be sending from there, into a copy of all.
  // The body must not grow any more.
  SharedBytes WithHead(std::string_view head);

 private:
  static constexpr size_t kHeadRoom = 192;

  char* Entry(size_t event_bytes, int64_t received_at, const v1::DeadLetter* dead_letter,
              bool heartbeat);
  void Grow(size_t bytes);

  std::shared_ptr<char[]> buffer_;  // kHeadRoom bytes before the entries
  size_t capacity_ = 0;             // for entries
  size_t size_ = 0;                 // of the entries
  size_t largest_ = 0;
  uint32_t events_ = 0;
  bool headed_ = false;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_BODY_H_
