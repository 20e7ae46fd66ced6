#include "common/pipeline/frame.h"

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mentat/pipeline/v1/batch.pb.h"

namespace mentat::pipeline {
namespace {

std::string SomeFrame() {
  v1::Batch batch;
  batch.set_epoch(7);
  batch.set_id(9);
  batch.add_items()->set_event(std::string("\0\xff payload", 10));
  return EncodeFrame(FrameKind::kBatch, batch);
}

TEST(FrameTest, RoundTrip) {
  const std::string bytes = SomeFrame();
  const absl::StatusOr<Frame> frame = DecodeFrame(bytes);
  ASSERT_THAT(frame, IsOk());
  EXPECT_EQ(frame->kind, FrameKind::kBatch);
  v1::Batch batch;
  ASSERT_TRUE(batch.ParseFromArray(frame->payload.data(), frame->payload.size()));
  EXPECT_EQ(batch.id(), 9);
  EXPECT_EQ(batch.items(0).event(), std::string("\0\xff payload", 10));
}

TEST(FrameTest, EveryTruncationIsRefused) {
  const std::string bytes = SomeFrame();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeFrame(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
}

TEST(FrameTest, EveryFlippedBitIsRefused) {
  const std::string bytes = SomeFrame();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] ^= 1 << (bit % 8);
    const absl::StatusOr<Frame> frame = DecodeFrame(flipped);
    // Only the kind can change into another valid one; the caller then fails to parse or ignores
    // it.
    if (bit / 8 == 4) continue;
    EXPECT_FALSE(frame.ok()) << "bit " << bit;
  }
}

TEST(FrameTest, AnotherVersionIsNamed) {
  std::string bytes = SomeFrame();
  bytes[3] = 2;
  EXPECT_THAT(DecodeFrame(bytes), StatusIs(absl::StatusCode::kInvalidArgument, "version"));
}

}  // namespace
}  // namespace mentat::pipeline
