#include "common/pipeline/router.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::pipeline {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

using Kind = v1::EventOutcome;

// A stage with three outputs and one group of ten events.
class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    routes_.stage = "inspector";
    routes_.instance = "inspector-1";
    routes_.outputs["default"] = {};
    routes_.outputs["side"] = {};
    routes_.outputs["lossy"] = {.best_effort = true};
    Make();
  }
  void Make() { router_.emplace(routes_); }
  Router::Place Place(uint32_t index) { return {&group_, 7, index, std::nullopt}; }

  // The outcomes when all that was sent is stored.
  Outcomes AllStored() {
    group_.Decided(ledger_);
    for (auto& [output, parcels] : router_->TakeParcels()) {
      for (const Parcel& parcel : parcels) {
        for (const Tickets& tickets : parcel.tickets) {
          if (tickets.group != 7) continue;
          group_.Settle(tickets.first, tickets.count, Kind::KIND_STORED, nullptr, ledger_);
        }
      }
    }
    EXPECT_TRUE(group_.settled() || group_.size() == 10);
    return group_.TakeOutcomes();
  }

  Routes routes_;
  std::optional<Router> router_;
  Group group_{10};
  Ledger ledger_{.received = 10, .in_flight = 10};
};

TEST_F(RouterTest, ParcelsAreCutBySizeAndCount) {
  routes_.max_batch_events = 4;
  routes_.max_batch_bytes = 40;
  Make();
  for (uint32_t i = 0; i < 10; ++i) {
    router_->Send({.event = i < 5 ? "event" : "longer event"}, Place(i), "default");
  }
  auto parcels = router_->TakeParcels();
  std::vector<uint32_t> sizes;
  for (const Parcel& parcel : parcels.at("default")) {
    sizes.push_back(parcel.body.events());
    EXPECT_THAT(parcel.tickets, SizeIs(1)) << "consecutive events share a range";
    EXPECT_EQ(parcel.tickets[0].count, parcel.body.events());
  }
  EXPECT_THAT(sizes, ElementsAre(4, 2, 2, 2));  // 9 and 16 bytes each
}

TEST_F(RouterTest, AParcelMayHoldEventsOfSeveralGroups) {
  Group other(2);
  router_->Send({.event = "a"}, Place(3), "default");
  router_->Send({.event = "b"}, {&other, 8, 0, Instant(std::chrono::seconds(9))}, "default");
  router_->Send({.event = "c"}, {&other, 8, 1, Instant(std::chrono::seconds(8))}, "default");
  const auto parcels = router_->TakeParcels();
  const Parcel& parcel = parcels.at("default")[0];
  ASSERT_THAT(parcel.tickets, SizeIs(2));
  EXPECT_EQ(parcel.tickets[1].group, 8);
  EXPECT_EQ(parcel.tickets[1].count, 2);
  EXPECT_EQ(parcel.deadline, Instant(std::chrono::seconds(8))) << "the first counts";
}

TEST_F(RouterTest, AChangedEventIsSerialisedAnewAndAnUnchangedOneIsNot) {
  google::protobuf::Arena arena;
  const std::string wire("\x12\x01x\x0A\x01i", 6);
  Item unchanged(wire, 5, nullptr, &arena);
  unchanged.view();
  Item changed(wire, 6, nullptr, &arena);
  changed.event().set_note("seen");
  router_->Route(unchanged, Place(0));
  router_->Route(changed, Place(1));
  const auto parcels = router_->TakeParcels();
  const BatchView view = ViewOf(parcels.at("default")[0].body);
  EXPECT_EQ(view.items[0].event, wire);
  EXPECT_EQ(view.items[0].received_at, 5);
  EXPECT_EQ(view.items[1].event, changed.TakeWire());
  EXPECT_EQ(view.items[1].received_at, 6);
}

TEST_F(RouterTest, EachVerdictHasItsOutcomeAndItsBook) {
  google::protobuf::Arena arena;
  const auto make = [&] { return Item(std::string_view(), 0, nullptr, &arena); };
  std::vector<Item> items;
  for (int i = 0; i < 8; ++i) items.push_back(make());
  items[1].Drop("rule");
  items[2].Stored();
  items[3].StoredBefore();
  items[4].Retry();
  items[5].Dispatch("nowhere");
  items[6].Duplicate("lossy");
  items[6].Drop("rule");
  items[7].Duplicate("side");
  for (uint32_t i = 0; i < 8; ++i) router_->Route(items[i], Place(i));
  router_->Reject({.event = "x"}, Place(8), v1::REASON_MALFORMED, "bad");
  router_->Send({.event = "x"}, Place(9), "lossy");
  EXPECT_THAT(router_->rejected(), SizeIs(2));
  EXPECT_EQ(router_->rejected()[0].dead_letter.message(), "no output named nowhere");
  const Outcomes outcomes = AllStored();
  std::vector<Outcomes::Kind> kinds;
  for (uint32_t i = 0; i < 10; ++i) kinds.push_back(outcomes.kind(i));
  EXPECT_THAT(kinds, ElementsAre(Kind::KIND_STORED, Kind::KIND_DROPPED, Kind::KIND_STORED,
                                 Kind::KIND_DUPLICATE, Kind::KIND_RETRY, Kind::KIND_STORED,
                                 Kind::KIND_DROPPED, Kind::KIND_STORED, Kind::KIND_STORED,
                                 Kind::KIND_DROPPED));
  EXPECT_EQ(ledger_.in_flight, 0);
  EXPECT_EQ(ledger_.forwarded, 3);  // 0, 7 and the one of best effort
  EXPECT_EQ(ledger_.dropped, 2);
  EXPECT_EQ(ledger_.stored, 2);
  EXPECT_EQ(ledger_.retried, 1);
  EXPECT_EQ(ledger_.rejected, 2);
}

TEST_F(RouterTest, WhatNoPeerWouldTakeEndsHere) {
  routes_.max_event_bytes = 10;
  Make();
  const std::string huge(10'000, 'x');
  router_->Send({.event = huge}, Place(0), "default");
  ASSERT_THAT(router_->rejected(), SizeIs(1));
  EXPECT_EQ(router_->rejected()[0].dead_letter.reason(), v1::REASON_TOO_LARGE);
  const Outcomes outcomes = AllStored();
  EXPECT_EQ(outcomes.kind(0), Kind::KIND_DEAD_LETTER);
  ASSERT_NE(outcomes.dead_letter(0), nullptr);
  EXPECT_EQ(outcomes.dead_letter(0)->stage(), "inspector");
  EXPECT_EQ(ledger_.rejected, 1);
}

TEST_F(RouterTest, ARejectionNamesItsEvent) {
  idea::v1::Event event;
  event.set_format("IDEA0");
  event.set_id("e-1");
  event.set_note("n");
  router_->Reject({.event = event.SerializeAsString()}, Place(0), v1::REASON_FAILED, "bad");
  ASSERT_THAT(router_->rejected(), SizeIs(1));
  EXPECT_EQ(router_->rejected()[0].event, "e-1");
}

TEST(EventIdTest, IsBoundedAndEmptyWhereThereIsNone) {
  idea::v1::Event event;
  EXPECT_EQ(EventId(event.SerializeAsString()), "");
  event.set_id(std::string(1000, 'x'));
  EXPECT_EQ(EventId(event.SerializeAsString()), std::string(128, 'x'));
  for (const std::string& bytes :
       {std::string("\x12\x05id"), std::string("\xff\xff\xff"), std::string(11, '\xff'),
        std::string("\x12\xff\xff\xff\xff\x0f")}) {
    EXPECT_EQ(EventId(bytes), "");
  }
}

TEST(BatchNameTest, IsTheEpochAndTheNumber) {
  EXPECT_EQ(BatchName(0xabc, 17), "0000000000000abc/17");
}

TEST_F(RouterTest, WithoutAnOutputADeadLetterGoesBack) {
  routes_.outputs.clear();
  Make();
  router_->Reject({.event = "x"}, Place(0), v1::REASON_FAILED, std::string(5000, 'm'));
  const Outcomes outcomes = AllStored();
  ASSERT_NE(outcomes.dead_letter(0), nullptr);
  EXPECT_EQ(outcomes.dead_letter(0)->message().size(), kMaxMessageBytes);
}

}  // namespace
}  // namespace mentat::pipeline
