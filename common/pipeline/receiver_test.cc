#include "common/pipeline/receiver.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kSender = 5;

class ReceiverTest : public ::testing::Test, public Receiver::Effects {
 protected:
  ReceiverTest() { Make({}); }

  void Make(Receiver::Options options) {
    options.epoch = 9;
    receiver_ = std::make_unique<Receiver>(options, this);
  }
  void SendAck(const std::string& endpoint, const v1::Ack& ack) override {
    EXPECT_EQ(endpoint, "tcp://sender:1");
    acks_.push_back(ack);
  }
  void Forget(const std::string& endpoint) override { forgotten_.push_back(endpoint); }

  v1::Batch Batch(uint64_t id, int events, bool isolated = false) {
    v1::Batch batch;
    batch.set_epoch(kSender);
    batch.set_id(id);
    batch.set_attempt(1);
    batch.set_ack_endpoint("tcp://sender:1");
    batch.set_isolated(isolated);
    for (int i = 0; i < events; ++i) batch.add_items()->set_event("event");
    return batch;
  }
  void Take(const v1::Batch& batch) {
    const SharedBytes bytes = SharedBytes::Of(batch.SerializeAsString());
    absl::StatusOr<BatchView> view = DecodeBatch(bytes.bytes, kMaxBatchEvents);
    ASSERT_TRUE(view.ok());
    view->frame = bytes.owner;
    receiver_->OnBatch(*std::move(view), now_);
  }
  std::vector<Receiver::Work> Begin(uint32_t max_events = 1000) {
    return receiver_->Begin(max_events, now_);
  }
  void Finish(const std::vector<Receiver::Work>& works) {
    std::vector<uint64_t> serials;
    for (const Receiver::Work& work : works) serials.push_back(work.serial);
    receiver_->Finished(serials, now_);
  }
  void Settle(const Receiver::Work& work, v1::EventOutcome::Kind kind) {
    receiver_->Settle(work.serial, Outcomes(work.batch.items.size(), kind));
  }
  void Release(uint64_t id) {
    v1::Control control;
    control.set_epoch(kSender);
    control.mutable_release()->set_id(id);
    receiver_->OnControl(control, now_);
  }
  // All that was acknowledged since the last call, in one message.
  v1::Ack Acks() {
    receiver_->Flush();
    v1::Ack all;
    for (const v1::Ack& ack : std::exchange(acks_, {})) all.MergeFrom(ack);
    return all;
  }

  Instant now_ = Instant(std::chrono::hours(1));
  std::unique_ptr<Receiver> receiver_;
  std::vector<v1::Ack> acks_;
  std::vector<std::string> forgotten_;
};

TEST_F(ReceiverTest, ABatchIsBegunFinishedAndSettled) {
  Take(Batch(1, 3));
  EXPECT_EQ(receiver_->held_events(), 3);
  const auto works = Begin();
  ASSERT_THAT(works, SizeIs(1));
  EXPECT_EQ(Acks().begun(0).id(), 1);
  Finish(works);
  EXPECT_EQ(Acks().finished(0).id(), 1);
  Settle(works[0], v1::EventOutcome::KIND_STORED);
  const v1::Ack ack = Acks();
  ASSERT_EQ(ack.settled_size(), 1);
  EXPECT_EQ(ack.settled(0).kind(), v1::EventOutcome::KIND_STORED);
  EXPECT_EQ(ack.settled(0).exceptions_size(), 0);
  EXPECT_EQ(ack.epoch(), kSender);
  EXPECT_EQ(ack.receiver_epoch(), 9);
  EXPECT_EQ(receiver_->held_events(), 0);
}

TEST_F(ReceiverTest, OneCallTakesManyBatchesUpToTheLimit) {
  for (int id = 1; id <= 5; ++id) Take(Batch(id, 4));
  EXPECT_THAT(Begin(10), SizeIs(2));
  EXPECT_THAT(Begin(1), SizeIs(1)) << "never less than one batch";
  EXPECT_THAT(Begin(), SizeIs(2));
  EXPECT_THAT(Begin(), IsEmpty());
}

TEST_F(ReceiverTest, ABatchThatIsHeldIsNotTakenTwice) {
  Take(Batch(1, 2));
  v1::Batch again = Batch(1, 2);
  again.set_attempt(2);
  Take(again);
  EXPECT_EQ(receiver_->held_events(), 2);
  const auto works = Begin();
  ASSERT_THAT(works, SizeIs(1));
  Settle(works[0], v1::EventOutcome::KIND_STORED);
  EXPECT_EQ(Acks().settled(0).attempt(), 2);
}

TEST_F(ReceiverTest, ABatchThatWasSettledIsAnsweredFromMemory) {
  Take(Batch(1, 2));
  Settle(Begin()[0], v1::EventOutcome::KIND_DROPPED);
  Acks();
  v1::Batch again = Batch(1, 2);
  again.set_attempt(3);
  Take(again);
  EXPECT_FALSE(receiver_->has_work());
  const v1::Ack ack = Acks();
  ASSERT_EQ(ack.settled_size(), 1);
  EXPECT_EQ(ack.settled(0).kind(), v1::EventOutcome::KIND_DROPPED);
  EXPECT_EQ(ack.settled(0).attempt(), 3);
}

TEST_F(ReceiverTest, MemoryIsBounded) {
  Make({.remembered = 2});
  for (int id = 1; id <= 3; ++id) {
    Take(Batch(id, 1));
    Settle(Begin()[0], v1::EventOutcome::KIND_STORED);
  }
  Take(Batch(1, 1));
  EXPECT_TRUE(receiver_->has_work()) << "forgotten, so it is taken again; storage will know it";
  Take(Batch(3, 1));
  EXPECT_EQ(receiver_->held_batches(), 1);
}

TEST_F(ReceiverTest, AnIsolatedBatchHasTheStageForItself) {
  Take(Batch(1, 1));
  const auto running = Begin();
  Take(Batch(2, 1, /*isolated=*/true));
  Take(Batch(3, 1));
  EXPECT_THAT(Begin(), IsEmpty()) << "another is being worked on";
  Finish(running);
  Acks();
  EXPECT_THAT(Begin(), IsEmpty()) << "it waits for go";
  EXPECT_EQ(Acks().begun(0).id(), 2);
  v1::Control control;
  control.set_epoch(kSender);
  control.add_go()->set_id(2);
  receiver_->OnControl(control, now_);
  const auto alone = Begin();
  ASSERT_THAT(alone, SizeIs(1));
  EXPECT_THAT(Begin(), IsEmpty()) << "nothing runs beside it";
  Settle(alone[0], v1::EventOutcome::KIND_STORED);
  Finish(alone);
  EXPECT_THAT(Begin(), IsEmpty()) << "its sender does not know yet that it is finished";
  EXPECT_EQ(Acks().released().id(), 2);
  Release(2);
  EXPECT_THAT(Begin(), SizeIs(1));
}

TEST_F(ReceiverTest, WithoutGoAnIsolatedBatchIsAbandoned) {
  Take(Batch(1, 1, /*isolated=*/true));
  EXPECT_THAT(Begin(), IsEmpty());
  now_ += seconds(6);
  receiver_->Tick(now_);
  EXPECT_EQ(receiver_->held_batches(), 0);
  Take(Batch(2, 1));
  EXPECT_THAT(Begin(), SizeIs(1));
}

TEST_F(ReceiverTest, WithoutReleaseOthersWaitASecond) {
  Take(Batch(1, 1, /*isolated=*/true));
  Begin();
  v1::Control control;
  control.set_epoch(kSender);
  control.add_go()->set_id(1);
  receiver_->OnControl(control, now_);
  Finish(Begin());
  Take(Batch(2, 1));
  EXPECT_THAT(Begin(), IsEmpty());
  now_ += milliseconds(1100);
  receiver_->Tick(now_);
  EXPECT_THAT(Begin(), SizeIs(1));
}

TEST_F(ReceiverTest, WhatIsHeldIsSaidAgainAndAgain) {
  v1::Control control;
  control.set_epoch(kSender);
  control.mutable_hello()->set_nonce(3);
  control.mutable_hello()->set_ack_endpoint("tcp://sender:1");
  control.mutable_hello()->set_ack_timeout_ms(400);
  receiver_->OnControl(control, now_);
  EXPECT_EQ(Acks().nonce(), 3);
  Take(Batch(1, 1));
  Acks();
  for (int i = 0; i < 4; ++i) {
    now_ += milliseconds(100);
    receiver_->Tick(now_);
    EXPECT_EQ(Acks().held_size(), 1);
  }
}

TEST_F(ReceiverTest, TheGreetingsAnswerNamesAllThatIsHeld) {
  Take(Batch(1, 1));
  Take(Batch(2, 1));
  Acks();
  v1::Control control;
  control.set_epoch(kSender);
  control.mutable_hello()->set_nonce(4);
  receiver_->OnControl(control, now_);
  const v1::Ack ack = Acks();
  EXPECT_EQ(ack.nonce(), 4);
  EXPECT_EQ(ack.held_size(), 2);
}

TEST_F(ReceiverTest, ClosedItSaysSoAndGivesBack) {
  Take(Batch(1, 1));
  Acks();
  receiver_->Close(/*closed=*/true, /*returning=*/true);
  EXPECT_TRUE(Acks().closed());
  Take(Batch(2, 3));
  const v1::Ack ack = Acks();
  ASSERT_EQ(ack.settled_size(), 1);
  EXPECT_EQ(ack.settled(0).kind(), v1::EventOutcome::KIND_RETRY);
  EXPECT_THAT(Begin(), SizeIs(1)) << "what is held is finished";
}

TEST_F(ReceiverTest, PastItsDeadlineABatchGoesBack) {
  v1::Batch batch = Batch(1, 2);
  batch.set_deadline_ms(100);
  Take(batch);
  now_ += milliseconds(200);
  EXPECT_THAT(Begin(), IsEmpty());
  EXPECT_EQ(Acks().settled(0).kind(), v1::EventOutcome::KIND_RETRY);
}

TEST_F(ReceiverTest, FullItGivesBack) {
  Make({.max_held_events = 3});
  Take(Batch(1, 3));
  Take(Batch(2, 1));
  const v1::Ack ack = Acks();
  ASSERT_EQ(ack.settled_size(), 1);
  EXPECT_EQ(ack.settled(0).id(), 2);
  EXPECT_EQ(ack.settled(0).kind(), v1::EventOutcome::KIND_RETRY);
}

TEST_F(ReceiverTest, WhatBeganInCompanyIsNotSaidToHaveBegunAlone) {
  Take(Batch(1, 1));
  Take(Batch(2, 1));
  Begin();
  Acks();
  v1::Batch again = Batch(1, 1, /*isolated=*/true);
  again.set_attempt(2);
  Take(again);
  const v1::Ack ack = Acks();
  EXPECT_EQ(ack.begun_size(), 0);
  EXPECT_EQ(ack.held_size(), 1);
}

TEST_F(ReceiverTest, OthersHaveATurnBetweenIsolatedBatches) {
  Take(Batch(1, 1, /*isolated=*/true));
  Take(Batch(2, 1, /*isolated=*/true));
  Take(Batch(3, 1));
  Begin();
  v1::Control control;
  control.set_epoch(kSender);
  control.add_go()->set_id(1);
  receiver_->OnControl(control, now_);
  Finish(Begin());
  Release(1);
  const auto next = Begin();
  ASSERT_THAT(next, SizeIs(1));
  Acks();
  EXPECT_THAT(Begin(), IsEmpty());
  Finish(next);
  EXPECT_THAT(Begin(), IsEmpty());
  EXPECT_EQ(Acks().begun(0).id(), 2);
}

TEST_F(ReceiverTest, UnsoundBatchesAreRefused) {
  Make({.max_batch_events = 2, .max_senders = 1});
  Take(Batch(1, 0));
  Take(Batch(2, 3));
  v1::Batch unnumbered = Batch(3, 1);
  unnumbered.set_attempt(0);
  Take(unnumbered);
  Take(Batch(4, 1));
  v1::Batch stranger = Batch(5, 1);
  stranger.set_epoch(6);
  Take(stranger);
  EXPECT_EQ(receiver_->counters().refused_batches, 4);
  EXPECT_EQ(receiver_->held_batches(), 1);
}

TEST_F(ReceiverTest, SilentSendersAreForgotten) {
  Take(Batch(1, 1));
  now_ += seconds(100);
  receiver_->Tick(now_);
  EXPECT_THAT(forgotten_, IsEmpty()) << "its batch is still held";
  Settle(Begin()[0], v1::EventOutcome::KIND_STORED);
  receiver_->Tick(now_);
  EXPECT_THAT(forgotten_, ElementsAre("tcp://sender:1"));
}

}  // namespace
}  // namespace mentat::pipeline
