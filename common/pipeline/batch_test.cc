#include "common/pipeline/batch.h"

#include <algorithm>
#include <random>
#include <string>

#include "common/base/status_matchers.h"
#include "common/pipeline/frame.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::pipeline {
namespace {

using ::testing::SizeIs;

// A Batch with something in every field.
v1::Batch FullBatch() {
  v1::Batch batch;
  batch.set_epoch(0x0123456789ABCDEF);
  batch.set_id(300);
  batch.set_attempt(2);
  batch.set_ack_endpoint("tcp://127.0.0.1:5572");
  batch.set_deadline_ms(70000);
  batch.set_isolated(true);
  batch.add_items()->set_event("first");
  v1::Item& second = *batch.add_items();
  second.set_event(std::string(300, 'x'));
  second.set_received_at(1'700'000'000'000'000);
  v1::Item& third = *batch.add_items();
  third.set_event("third");
  third.set_received_at(-5);
  third.mutable_dead_letter()->set_reason(v1::REASON_POISON);
  third.mutable_dead_letter()->set_stage("inspector");
  batch.add_items();  // an empty one
  v1::Item& heartbeat = *batch.add_items();
  heartbeat.set_received_at(1'700'000'000'000'000);
  heartbeat.set_heartbeat(true);
  return batch;
}

// The same in our own words.
SharedBytes Encode(const v1::Batch& batch, Body& body) {
  for (const v1::Item& item : batch.items()) {
    body.Append(item.event(), item.received_at(),
                item.has_dead_letter() ? &item.dead_letter() : nullptr, item.heartbeat());
  }
  return EncodeBatch({.epoch = batch.epoch(),
                      .id = batch.id(),
                      .attempt = batch.attempt(),
                      .ack_endpoint = batch.ack_endpoint(),
                      .deadline_ms = batch.deadline_ms(),
                      .isolated = batch.isolated()},
                     body);
}

// What a view says, as a message.
v1::Batch MessageOf(const BatchView& view) {
  v1::Batch batch;
  batch.set_epoch(view.header.epoch);
  batch.set_id(view.header.id);
  batch.set_attempt(view.header.attempt);
  batch.set_ack_endpoint(std::string(view.header.ack_endpoint));
  batch.set_deadline_ms(view.header.deadline_ms);
  batch.set_isolated(view.header.isolated);
  for (const ItemView& item : view.items) {
    v1::Item& to = *batch.add_items();
    to.set_event(std::string(item.event));
    to.set_received_at(item.received_at);
    if (item.dead_letter != nullptr) *to.mutable_dead_letter() = *item.dead_letter;
    to.set_heartbeat(item.heartbeat);
  }
  return batch;
}

TEST(BatchTest, TheFrameIsWhatTheGeneratedCodeWrites) {
  for (const v1::Batch& batch : {FullBatch(), v1::Batch()}) {
    Body body;
    EXPECT_EQ(Encode(batch, body).bytes, EncodeFrame(FrameKind::kBatch, batch));
  }
}

TEST(BatchTest, WhatIsSentAgainIsACopyWithItsOwnHeader) {
  v1::Batch batch = FullBatch();
  Body body;
  const SharedBytes first = Encode(batch, body);
  const std::string before(first.bytes);
  batch.set_attempt(3);
  batch.set_isolated(false);
  const SharedBytes second = EncodeBatch({.epoch = batch.epoch(),
                                          .id = batch.id(),
                                          .attempt = batch.attempt(),
                                          .ack_endpoint = batch.ack_endpoint(),
                                          .deadline_ms = batch.deadline_ms()},
                                         body);
  EXPECT_EQ(second.bytes, EncodeFrame(FrameKind::kBatch, batch));
  EXPECT_EQ(first.bytes, before);
}

TEST(BatchTest, AFrameOutlivesItsBody) {
  SharedBytes frame;
  {
    Body body;
    frame = Encode(FullBatch(), body);
  }
  EXPECT_EQ(frame.bytes, EncodeFrame(FrameKind::kBatch, FullBatch()));
}

TEST(BatchTest, AHeaderOfAnySizeFits) {
  v1::Batch batch = FullBatch();
  batch.set_ack_endpoint("tcp://" + std::string(1000, '1'));
  Body body;
  EXPECT_EQ(Encode(batch, body).bytes, EncodeFrame(FrameKind::kBatch, batch));
}

TEST(BatchTest, AnEventIsSerialisedInPlace) {
  v1::DeadLetter event;  // any message will do
  event.set_message(std::string(10'000, 'm'));
  Body body;
  const size_t bytes = Body::EntryBytes(event.ByteSizeLong(), 7);
  for (int i = 0; i < 5; ++i) body.AppendSized(event, 7);
  EXPECT_EQ(body.bytes().size(), 5 * bytes);
  const BatchView view = ViewOf(body);
  ASSERT_THAT(view.items, SizeIs(5));
  for (const ItemView& item : view.items) {
    EXPECT_EQ(item.received_at, 7);
    EXPECT_EQ(item.event, event.SerializeAsString());
  }
}

TEST(BatchTest, ItReadsWhatTheGeneratedCodeWrites) {
  const std::string payload = FullBatch().SerializeAsString();
  const absl::StatusOr<BatchView> view = DecodeBatch(payload, 5);
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(MessageOf(*view).SerializeAsString(), payload);
  EXPECT_EQ(view->bytes, payload.size());
}

TEST(BatchTest, WhatHasAnEventOrADeadLetterIsNoHeartbeat) {
  v1::DeadLetter dead_letter;
  EXPECT_TRUE((ItemView{.event = "", .heartbeat = true}).IsHeartbeat());
  EXPECT_FALSE((ItemView{.event = "event", .heartbeat = true}).IsHeartbeat());
  EXPECT_FALSE(
      (ItemView{.event = "", .dead_letter = &dead_letter, .heartbeat = true}).IsHeartbeat());
  EXPECT_FALSE((ItemView{.event = ""}).IsHeartbeat());
}

TEST(BatchTest, TooManyEventsAreRefused) {
  EXPECT_THAT(DecodeBatch(FullBatch().SerializeAsString(), 4),
              StatusIs(absl::StatusCode::kInvalidArgument, "events"));
}

TEST(BatchTest, UnknownFieldsAreIgnored) {
  // Fields 15 of each wire type, a group in a group among them, in the batch and in an item.
  const std::string unknown = std::string("\x78\x01\x79") + "12345678" + "\x7A\x02xx" +
                              "\x7B\x0B\x08\x01\x0C\x7C\x7D" + "1234";
  std::string item = unknown;
  item += "\x0A\x05";
  item += "event";
  item += unknown;
  const std::string payload =
      unknown + "\x3A" + static_cast<char>(item.size()) + item + "\x10\x07" + unknown;
  const absl::StatusOr<BatchView> view = DecodeBatch(payload, 10);
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->header.id, 7);
  ASSERT_THAT(view->items, SizeIs(1));
  EXPECT_EQ(view->items[0].event, "event");
}

TEST(BatchTest, WhatATagHasBeyond32BitsIsIgnored) {
  // Field 2, and a bit that no tag has.
  const std::string payload = std::string("\x90\x80\x80\x80\x10\x07", 6);
  v1::Batch expected;
  ASSERT_TRUE(expected.ParseFromString(payload));
  const absl::StatusOr<BatchView> view = DecodeBatch(payload, 10);
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->header.id, expected.id());
  // Field 0, once that bit is gone.
  EXPECT_FALSE(v1::Batch().ParseFromString(std::string("\x80\x80\x80\x80\x10\x07", 6)));
  EXPECT_FALSE(DecodeBatch(std::string("\x80\x80\x80\x80\x10\x07", 6), 10).ok());
}

TEST(BatchTest, TheLastValueOfAFieldCountsAndDeadLettersAreMerged) {
  const std::string twice(
      "\x10\x01\x10\x02\x3A\x0E\x0A\x01"
      "a\x0A\x01"
      "b\x1A\x02\x08\x01\x1A\x02\x28\x09");
  const absl::StatusOr<BatchView> view = DecodeBatch(twice, 10);
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->header.id, 2);
  EXPECT_EQ(view->items[0].event, "b");
  ASSERT_NE(view->items[0].dead_letter, nullptr);
  EXPECT_EQ(view->items[0].dead_letter->reason(), v1::REASON_MALFORMED);
  EXPECT_EQ(view->items[0].dead_letter->time(), 9);
}

TEST(BatchTest, MalformedBytesAreRefused) {
  for (const std::string& bytes : {
           std::string("\x3A"),                                              // no length
           std::string("\x3A\x02\x0A"),                                      // shorter than it says
           std::string("\x3A\x02\x0A\x05"),                                  // the same inside
           std::string("\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),  // a number without end
           std::string("\x09\x01\x02"),                                      // half an epoch
           std::string("\x00\x01", 2),                                       // field 0
           std::string("\x16\x01"),                                          // wire type 6
           std::string("\x7C"),                                              // the end of no group
           std::string("\x7B\x84\x01"),                                      // of another group
           std::string(300, '\x7B'),                                         // groups without end
           std::string("\x22\x01\xFF"),              // an endpoint not in UTF-8
           std::string("\x3A\x04\x1A\x02\x12\x05"),  // half a dead letter
       }) {
    EXPECT_THAT(DecodeBatch(bytes, 10), StatusIs(absl::StatusCode::kInvalidArgument, "message"))
        << testing::PrintToString(bytes);
    EXPECT_FALSE(v1::Batch().ParseFromString(bytes)) << testing::PrintToString(bytes);
  }
}

// Whatever bytes come, the generated parser is of the same opinion.
TEST(BatchTest, ItAgreesWithTheGeneratedParserOnMutatedBatches) {
  std::mt19937 random(1);
  const std::string sound = FullBatch().SerializeAsString();
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes = sound;
    for (int n = std::uniform_int_distribution(1, 3)(random); n > 0; --n) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, random() % 4);
          break;
        case 2:
          bytes.insert(at, 1 + random() % 3, static_cast<char>(random()));
          break;
        default:
          bytes[at] ^= static_cast<char>(1 << random() % 8);
      }
      if (bytes.empty()) bytes = sound;
    }
    v1::Batch expected;
    const bool parsed = expected.ParseFromString(bytes);
    const absl::StatusOr<BatchView> view = DecodeBatch(bytes, 1000);
    const bool ascii = std::all_of(expected.ack_endpoint().begin(), expected.ack_endpoint().end(),
                                   [](char c) { return (c & 0x80) == 0; });
    if (!ascii) continue;  // an endpoint in UTF-8 is no endpoint
    ASSERT_EQ(view.ok(), parsed) << testing::PrintToString(bytes);
    if (!parsed) continue;
    ++accepted;
    expected.DiscardUnknownFields();
    v1::Batch actual = MessageOf(*view);
    actual.DiscardUnknownFields();
    ASSERT_EQ(actual.SerializeAsString(), expected.SerializeAsString())
        << testing::PrintToString(bytes);
  }
  EXPECT_GT(accepted, 10'000);
}

TEST(BatchTest, AFrameOfEmptyItemsCostsNoMoreThanItsLimit) {
  std::string bytes(8'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); i += 2) bytes[i] = '\x3A';
  EXPECT_THAT(DecodeBatch(bytes, 10'000), StatusIs(absl::StatusCode::kInvalidArgument, "events"));
}

}  // namespace
}  // namespace mentat::pipeline
