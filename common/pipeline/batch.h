// Batches to and from their frames, without a protobuf message in between. The bytes are a
// `Batch` of proto/mentat/pipeline/v1 for every other program. Stateless functions, thread-safe.
#ifndef COMMON_PIPELINE_BATCH_H_
#define COMMON_PIPELINE_BATCH_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pipeline/body.h"
#include "common/pipeline/shared_bytes.h"
#include "mentat/pipeline/v1/batch.pb.h"

namespace mentat::pipeline {

// The fields of a Batch but its items.
struct BatchHeader {
  uint64_t epoch = 0;
  uint64_t id = 0;
  uint32_t attempt = 0;
  std::string_view ack_endpoint;
  uint32_t deadline_ms = 0;
  bool isolated = false;
};

// An event of a batch, where it lies.
struct ItemView {
  std::string_view event;
  int64_t received_at = 0;
  const v1::DeadLetter* dead_letter = nullptr;  // owned by the batch
  bool heartbeat = false;                       // as it was sent

  // What is no heartbeat cannot be made one, and so be lost.
  bool IsHeartbeat() const { return heartbeat && event.empty() && dead_letter == nullptr; }
};

// A batch as it came: everything points into the frame that it was decoded from.
struct BatchView {
  BatchHeader header;
  std::vector<ItemView> items;
  uint64_t bytes = 0;                                         // of the whole
  std::vector<std::unique_ptr<v1::DeadLetter>> dead_letters;  // that items point to
  std::shared_ptr<const void> frame;  // what keeps the bytes, where they are to be kept
};

// A whole frame with the events of `body`, which must not grow any more.
SharedBytes EncodeBatch(const BatchHeader& header, Body& body);

// Reads a serialised Batch: accepts what the generated parser accepts, with the same result,
// unknown fields ignored, but for a batch of more than `max_events`, which costs no more memory
// than one that is within. The message of an error is fit for a metric's label: `message` for what
// is no Batch, `events` for too many. The views point into `payload`.
absl::StatusOr<BatchView> DecodeBatch(std::string_view payload, uint32_t max_events);

// The events of a body, where they lie in it.
BatchView ViewOf(const Body& body);

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_BATCH_H_
