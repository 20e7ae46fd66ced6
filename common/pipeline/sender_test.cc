#include "common/pipeline/sender.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "common/pipeline/frame.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using Kind = v1::EventOutcome::Kind;

constexpr uint64_t kEpoch = 77;

// A sender with its hands bound: what it sends is kept, and the test speaks for the peers.
class SenderTest : public ::testing::Test, public Sender::Effects {
 protected:
  SenderTest() { Make({}); }

  void Make(Sender::Options options) {
    options.epoch = kEpoch;
    options.ack_endpoint = "tcp://here:1";
    sender_ = std::make_unique<Sender>(options, this);
  }

  bool Send(PeerId peer, const BatchHeader& header, Body& body) override {
    if (refusing_.contains(peer)) return false;
    const SharedBytes bytes = EncodeBatch(header, body);
    const absl::StatusOr<Frame> frame = DecodeFrame(bytes.bytes);
    EXPECT_TRUE(frame.ok());
    v1::Batch batch;
    EXPECT_TRUE(batch.ParseFromArray(frame->payload.data(), frame->payload.size()));
    batches_.push_back({peer, std::move(batch)});
    return true;
  }
  bool Send(PeerId peer, const v1::Control& control) override {
    controls_.push_back({peer, control});
    return true;
  }
  void Settled(const Tickets& tickets, Kind kind, const v1::DeadLetter* dead_letter) override {
    for (uint32_t i = 0; i < tickets.count; ++i) outcomes_[tickets.first + i] = kind;
    if (dead_letter != nullptr) reasons_[tickets.first] = dead_letter->reason();
    settled_ += static_cast<int>(tickets.count);
  }
  void Condemned(const Tickets& ticket, uint64_t, std::string_view, v1::DeadLetter*) override {
    condemned_.push_back(ticket.first);
  }

  // Makes a peer known, connected and answered, in the incarnation `epoch`.
  void Up(PeerId peer, uint64_t epoch, std::vector<uint64_t> held = {}) {
    sender_->AddPeer(peer, "peer");
    sender_->Connected(peer, now_);
    Greeted(epoch, held);
  }
  void Greeted(uint64_t epoch, std::vector<uint64_t> held = {}) {
    v1::Ack ack = AckFrom(epoch);
    ack.set_nonce(controls_.back().second.hello().nonce());
    for (const uint64_t id : held) ack.add_held()->set_id(id);
    sender_->OnAck(ack, now_);
  }

  v1::Ack AckFrom(uint64_t epoch) {
    v1::Ack ack;
    ack.set_epoch(kEpoch);
    ack.set_receiver_epoch(epoch);
    return ack;
  }
  void Settle(uint64_t epoch, const v1::Batch& batch, Kind kind = v1::EventOutcome::KIND_STORED) {
    v1::Ack ack = AckFrom(epoch);
    v1::BatchOutcome& outcome = *ack.add_settled();
    outcome.set_id(batch.id());
    outcome.set_attempt(batch.attempt());
    outcome.set_kind(kind);
    sender_->OnAck(ack, now_);
  }
  void Begin(uint64_t epoch, const v1::Batch& batch) {
    v1::Ack ack = AckFrom(epoch);
    v1::BatchRef& ref = *ack.add_begun();
    ref.set_id(batch.id());
    ref.set_attempt(batch.attempt());
    sender_->OnAck(ack, now_);
  }

  // `count` events with tickets from `first` on.
  void Submit(uint32_t first, uint32_t count, std::optional<Instant> deadline = std::nullopt) {
    Parcel parcel;
    parcel.deadline = deadline;
    for (uint32_t i = 0; i < count; ++i) {
      parcel.body.Append("event " + std::to_string(first + i), 0);
      parcel.AddTicket(1, first + i);
    }
    sender_->Submit(std::move(parcel), now_);
  }
  void Pass(milliseconds time) {
    for (milliseconds passed(0); passed < time; passed += milliseconds(50)) {
      now_ += milliseconds(50);
      sender_->Tick(now_);
    }
  }
  // The batches sent since the last call.
  std::vector<std::pair<PeerId, v1::Batch>> Sent() { return std::exchange(batches_, {}); }

  Instant now_ = Instant(std::chrono::hours(1));
  std::unique_ptr<Sender> sender_;
  std::vector<std::pair<PeerId, v1::Batch>> batches_;
  std::vector<std::pair<PeerId, v1::Control>> controls_;
  std::set<PeerId> refusing_;
  std::map<uint32_t, Kind> outcomes_;
  std::map<uint32_t, v1::Reason> reasons_;
  std::vector<uint32_t> condemned_;
  int settled_ = 0;
};

TEST_F(SenderTest, NothingIsSentBeforeTheGreetingIsAnswered) {
  sender_->AddPeer(1, "peer");
  Submit(0, 1);
  sender_->Connected(1, now_);
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_EQ(controls_.back().second.hello().ack_endpoint(), "tcp://here:1");
  Greeted(10);
  EXPECT_THAT(Sent(), SizeIs(1));
}

TEST_F(SenderTest, TheGreetingIsRepeatedUntilItIsAnswered) {
  sender_->AddPeer(1, "peer");
  sender_->Connected(1, now_);
  Pass(seconds(3));
  EXPECT_THAT(controls_, SizeIs(4));
}

TEST_F(SenderTest, ThePeerWithTheFewestEventsIsChosen) {
  Up(1, 10);
  Up(2, 20);
  Submit(0, 5);
  Submit(5, 1);
  Submit(6, 1);
  std::vector<PeerId> peers;
  for (const auto& [peer, batch] : Sent()) peers.push_back(peer);
  EXPECT_THAT(peers, ElementsAre(1, 2, 2));
}

TEST_F(SenderTest, PeersThatHaveEquallyLittleTakeTurns) {
  Up(1, 10);
  Up(2, 20);
  Up(3, 30);
  std::map<PeerId, int> taken;
  for (uint32_t i = 0; i < 9; ++i) {
    Submit(i, 1);
    const auto sent = Sent();
    ASSERT_THAT(sent, SizeIs(1));
    ++taken[sent[0].first];
    Settle(sent[0].first * 10, sent[0].second);
  }
  EXPECT_THAT(taken, ElementsAre(Pair(1, 3), Pair(2, 3), Pair(3, 3)));
}

TEST_F(SenderTest, TheWindowHoldsBackAndTheOutcomeOpensIt) {
  Make({.window_batches = 2});
  Up(1, 10);
  for (int i = 0; i < 5; ++i) Submit(i, 1);
  const auto first = Sent();
  ASSERT_THAT(first, SizeIs(2));
  EXPECT_EQ(sender_->queued_events(), 3);
  Settle(10, first[0].second);
  EXPECT_THAT(Sent(), SizeIs(1));
  EXPECT_EQ(sender_->unsettled_events(), 4);
}

TEST_F(SenderTest, ABatchLargerThanTheWindowStillGoes) {
  Make({.window_bytes = 10});
  Up(1, 10);
  Submit(0, 1);
  EXPECT_THAT(Sent(), SizeIs(1));
}

TEST_F(SenderTest, AClosedPeerGetsNothingNew) {
  Up(1, 10);
  v1::Ack ack = AckFrom(10);
  ack.set_closed(true);
  sender_->OnAck(ack, now_);
  Submit(0, 1);
  EXPECT_THAT(Sent(), IsEmpty());
  ack.set_closed(false);
  sender_->OnAck(ack, now_);
  EXPECT_THAT(Sent(), SizeIs(1));
}

TEST_F(SenderTest, WhatALostPeerHadNotBegunGoesToAnotherAtOnce) {
  Up(1, 10);
  Submit(0, 1);
  const auto first = Sent();
  Up(2, 20);
  sender_->Disconnected(1, now_);
  const auto again = Sent();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].first, 2);
  EXPECT_EQ(again[0].second.id(), first[0].second.id());
  EXPECT_EQ(again[0].second.attempt(), 2);
  EXPECT_FALSE(again[0].second.isolated());
}

TEST_F(SenderTest, ASuspectIsTriedAloneAndOnlyAfterGo) {
  Up(1, 10);
  Submit(0, 1);
  Begin(10, Sent()[0].second);
  Up(2, 20);
  sender_->Disconnected(1, now_);
  EXPECT_THAT(Sent(), IsEmpty());  // first it waits for news
  Pass(seconds(4));
  const auto alone = Sent();
  ASSERT_THAT(alone, SizeIs(1));
  EXPECT_TRUE(alone[0].second.isolated());
  controls_.clear();
  Begin(20, alone[0].second);
  ASSERT_THAT(controls_, SizeIs(1));
  EXPECT_EQ(controls_[0].first, 2);
  EXPECT_EQ(controls_[0].second.go(0).id(), alone[0].second.id());
}

TEST_F(SenderTest, APeerThatComesBackAliveKeepsWhatItHolds) {
  Up(1, 10);
  Submit(0, 1);
  Submit(1, 1);
  const auto sent = Sent();
  Begin(10, sent[0].second);
  sender_->Disconnected(1, now_);
  sender_->Connected(1, now_);
  Greeted(10, {sent[0].second.id()});
  const auto again = Sent();  // the other never arrived
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].second.id(), sent[1].second.id());
  EXPECT_FALSE(again[0].second.isolated());
}

TEST_F(SenderTest, AnEventAloneWithTwoDeadWorkersIsPoison) {
  Up(1, 10);
  Submit(0, 3);
  Begin(10, Sent()[0].second);
  sender_->Disconnected(1, now_);
  Up(1, 11);
  int deaths = 1;
  for (uint64_t epoch = 11; condemned_.empty(); ++epoch) {
    ASSERT_LT(epoch, 30);
    const auto sent = Sent();
    ASSERT_THAT(sent, SizeIs(1)) << "one suspect at a time";
    const v1::Batch& batch = sent[0].second;
    ASSERT_TRUE(batch.isolated());
    ASSERT_EQ(batch.items_size(), 1);
    Begin(epoch, batch);
    if (batch.items(0).event() != "event 1") {
      Settle(epoch--, batch);
      continue;
    }
    ++deaths;
    sender_->Disconnected(1, now_);
    Up(1, epoch + 1);
  }
  EXPECT_EQ(deaths, 3);
  EXPECT_THAT(condemned_, ElementsAre(1));
  const auto sent = Sent();
  const auto dead = std::find_if(sent.begin(), sent.end(), [](const auto& pair) {
    return pair.second.items(0).has_dead_letter();
  });
  ASSERT_NE(dead, sent.end()) << "it travels on as a dead letter";
  EXPECT_EQ(dead->second.items(0).dead_letter().reason(), v1::REASON_POISON);
  EXPECT_FALSE(dead->second.isolated());
}

TEST_F(SenderTest, OneDeathAloneCondemnsNobody) {
  Up(1, 10);
  Submit(0, 1);
  Begin(10, Sent()[0].second);
  sender_->Disconnected(1, now_);
  Up(1, 11);
  Begin(11, Sent()[0].second);
  sender_->Disconnected(1, now_);
  Up(1, 12);
  EXPECT_THAT(condemned_, IsEmpty());
  const auto again = Sent();
  ASSERT_THAT(again, SizeIs(1));
  Begin(12, again[0].second);
  Settle(12, again[0].second);
  EXPECT_EQ(outcomes_[0], v1::EventOutcome::KIND_STORED);
}

TEST_F(SenderTest, AFinishedBatchIsNotSuspectedOfALaterDeath) {
  Up(1, 10);
  Submit(0, 1);
  const v1::Batch batch = Sent()[0].second;
  Begin(10, batch);
  v1::Ack ack = AckFrom(10);
  ack.add_finished()->set_id(batch.id());
  sender_->OnAck(ack, now_);
  sender_->Disconnected(1, now_);
  Up(1, 11);
  const auto again = Sent();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_FALSE(again[0].second.isolated());
}

TEST_F(SenderTest, ManyBegunEventsAreTriedInWholeBatchesFirst) {
  Make({.try_singly_limit = 5});
  Up(1, 10);
  Submit(0, 4);
  Submit(4, 4);
  for (const auto& [peer, batch] : Sent()) Begin(10, batch);
  sender_->Disconnected(1, now_);
  Up(1, 11);
  const auto alone = Sent();
  ASSERT_THAT(alone, SizeIs(1));
  EXPECT_EQ(alone[0].second.items_size(), 4);
}

TEST_F(SenderTest, ASilentPeerLosesItsBatchToAnother) {
  Up(1, 10);
  Submit(0, 1);
  Up(2, 20);
  EXPECT_EQ(Sent()[0].first, 1);
  Pass(seconds(6));
  const auto again = Sent();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].first, 2);
}

TEST_F(SenderTest, HeldIsASignOfLife) {
  Up(1, 10);
  Submit(0, 1);
  Up(2, 20);
  const auto sent = Sent();
  for (int i = 0; i < 20; ++i) {
    Pass(seconds(1));
    v1::Ack ack = AckFrom(10);
    ack.add_held()->set_id(sent[0].second.id());
    sender_->OnAck(ack, now_);
  }
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(SenderTest, ResendsKeepToTheBudget) {
  Make({.window_batches = 1000});
  Up(1, 10);
  for (int i = 0; i < 500; ++i) Submit(i, 1);
  EXPECT_THAT(Sent(), SizeIs(500));
  Up(2, 20);
  EXPECT_THAT(Sent(), IsEmpty());
  Pass(milliseconds(5050));
  EXPECT_EQ(sender_->counters().resent_batches, 16);
}

TEST_F(SenderTest, EachEventHasItsOwnOutcome) {
  Up(1, 10);
  Submit(0, 4);
  const v1::Batch batch = Sent()[0].second;
  v1::Ack ack = AckFrom(10);
  v1::BatchOutcome& outcome = *ack.add_settled();
  outcome.set_id(batch.id());
  outcome.set_attempt(1);
  outcome.set_kind(v1::EventOutcome::KIND_STORED);
  v1::EventOutcome* exception = outcome.add_exceptions();
  exception->set_index(1);
  exception->set_kind(v1::EventOutcome::KIND_DEAD_LETTER);
  exception->mutable_dead_letter()->set_reason(v1::REASON_REFUSED);
  exception = outcome.add_exceptions();
  exception->set_index(2);
  exception->set_kind(v1::EventOutcome::KIND_RETRY);
  sender_->OnAck(ack, now_);
  EXPECT_EQ(outcomes_[0], v1::EventOutcome::KIND_STORED);
  EXPECT_EQ(reasons_[1], v1::REASON_REFUSED);
  EXPECT_EQ(outcomes_.count(2), 0);
  EXPECT_THAT(Sent(), IsEmpty());
  Pass(milliseconds(200));
  const auto again = Sent();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].second.items(0).event(), "event 2");
  EXPECT_NE(again[0].second.id(), batch.id());
}

TEST_F(SenderTest, TheFirstOutcomeCountsAndLaterOnesAreCounted) {
  Up(1, 10);
  Submit(0, 1);
  const v1::Batch batch = Sent()[0].second;
  Settle(10, batch);
  Settle(10, batch, v1::EventOutcome::KIND_DROPPED);
  EXPECT_EQ(settled_, 1);
  EXPECT_EQ(outcomes_[0], v1::EventOutcome::KIND_STORED);
  EXPECT_EQ(sender_->counters().late_acks, 1);
}

TEST_F(SenderTest, AnOlderAttemptsOutcomeSettlesTheBatch) {
  Up(1, 10);
  Submit(0, 1);
  const v1::Batch first = Sent()[0].second;
  Up(2, 20);
  sender_->Disconnected(1, now_);
  ASSERT_THAT(Sent(), SizeIs(1));
  Settle(10, first);
  EXPECT_EQ(settled_, 1);
  EXPECT_EQ(sender_->unsettled_events(), 0);
}

TEST_F(SenderTest, NonsenseInAcknowledgementsIsIgnored) {
  Up(1, 10);
  Submit(0, 1);
  const v1::Batch batch = Sent()[0].second;
  v1::Ack ack = AckFrom(10);
  v1::BatchOutcome* outcome = ack.add_settled();
  outcome->set_id(batch.id());
  outcome->set_attempt(9);  // never sent
  outcome->set_kind(v1::EventOutcome::KIND_STORED);
  outcome = ack.add_settled();
  outcome->set_id(batch.id());
  outcome->set_attempt(1);
  outcome->set_kind(v1::EventOutcome::KIND_STORED);
  outcome->add_exceptions()->set_index(1000);
  outcome = ack.add_settled();  // no kind
  outcome->set_id(batch.id());
  outcome->set_attempt(1);
  sender_->OnAck(ack, now_);
  ack.set_epoch(kEpoch + 1);
  ack.clear_settled();
  Settle(10, batch);
  EXPECT_EQ(settled_, 1);
}

TEST_F(SenderTest, PastTheDeadlineEventsGoBackInsteadOfAgain) {
  Submit(0, 1, now_ + seconds(1));
  Pass(seconds(2));
  EXPECT_EQ(outcomes_[0], v1::EventOutcome::KIND_RETRY);
  EXPECT_EQ(sender_->unsettled_events(), 0);
}

TEST_F(SenderTest, ARemovedPeerKeepsWhatItHoldsUntilThatIsSettled) {
  Up(1, 10);
  Submit(0, 1);
  const v1::Batch batch = Sent()[0].second;
  sender_->RemovePeer(1, now_);
  Submit(1, 1);
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_FALSE(sender_->IsIdle(1));
  Settle(10, batch);
  EXPECT_TRUE(sender_->IsIdle(1));
}

TEST_F(SenderTest, ACongestedSocketIsTriedAgain) {
  Up(1, 10);
  refusing_.insert(1);
  Submit(0, 1);
  EXPECT_THAT(Sent(), IsEmpty());
  refusing_.clear();
  Pass(milliseconds(50));
  const auto sent = Sent();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].second.attempt(), 1);
}

}  // namespace
}  // namespace mentat::pipeline
