#include "common/pipeline/tap.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mentat::pipeline {
namespace {

constexpr std::chrono::milliseconds kNoWait(0);

std::vector<Item> Items(size_t count, const std::string& wire = "x") {
  std::vector<Item> items;
  for (size_t i = 0; i < count; ++i) items.emplace_back(wire, static_cast<int64_t>(i));
  return items;
}

TEST(TapTest, NobodyListensBeforeAndAfter) {
  Tap tap;
  EXPECT_FALSE(tap.listened());
  auto one = tap.Listen();
  auto other = tap.Listen();
  EXPECT_TRUE(tap.listened());
  one.reset();
  EXPECT_TRUE(tap.listened());
  other.reset();
  EXPECT_FALSE(tap.listened());
}

TEST(TapTest, ListenersAreLimited) {
  Tap tap;
  std::vector<std::unique_ptr<Tap::Listener>> listeners;
  for (int i = 0; i < Tap::kMaxListeners; ++i) listeners.push_back(tap.Listen());
  EXPECT_NE(listeners.back(), nullptr);
  EXPECT_EQ(tap.Listen(), nullptr);
  listeners.pop_back();
  EXPECT_NE(tap.Listen(), nullptr);
}

TEST(TapTest, EveryFateIsTold) {
  Tap tap;
  const auto listener = tap.Listen();
  std::vector<Item> items = Items(5);
  items[1].Drop("rule");
  items[2].Reject(v1::REASON_FAILED, "no");
  items[3].Stored();
  items[4].Retry();
  tap.Offer(items, /*forwards=*/true);
  const auto events = listener->Take(kNoWait);
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0]->fate, Tap::Fate::kForwarded);
  EXPECT_EQ(events[1]->fate, Tap::Fate::kDropped);
  EXPECT_EQ(events[2]->fate, Tap::Fate::kRejected);
  EXPECT_EQ(events[3]->fate, Tap::Fate::kStored);
  EXPECT_EQ(events[4]->fate, Tap::Fate::kRetried);
  EXPECT_EQ(events[4]->received_at, 4);
  EXPECT_EQ(listener->passed(), 5u);

  // At the end of the way.
  tap.Offer(Items(1), /*forwards=*/false);
  EXPECT_EQ(listener->Take(kNoWait).at(0)->fate, Tap::Fate::kStored);
}

TEST(TapTest, AListenerThatDoesNotTakeHoldsLittle) {
  Tap tap;
  const auto listener = tap.Listen();
  for (int i = 0; i < 1000; ++i) tap.Offer(Items(1000), /*forwards=*/true);
  EXPECT_EQ(listener->passed(), 1'000'000u);
  const size_t events = listener->Take(kNoWait).size();
  EXPECT_GT(events, 0u);
  EXPECT_LE(events, Tap::kBufferEvents);
}

TEST(TapTest, LargeEventsAreBoundedByTheirBytes) {
  Tap tap;
  const auto listener = tap.Listen();
  for (int i = 0; i < 100; ++i) {
    tap.Offer(Items(10, std::string(1 << 20, 'x')), /*forwards=*/true);
  }
  size_t bytes = 0;
  for (const auto& event : listener->Take(kNoWait)) bytes += event->wire.size();
  EXPECT_GT(bytes, 0u);
  EXPECT_LE(bytes, Tap::kBufferBytes + (1 << 20));
}

TEST(TapTest, WhatIsLookedAtIsSpreadEvenly) {
  Tap tap;
  const auto listener = tap.Listen();
  tap.Offer(Items(5000), /*forwards=*/true);
  const auto events = listener->Take(kNoWait);
  ASSERT_EQ(events.size(), 500u);  // a tenth of a second's
  EXPECT_EQ(events[1]->received_at, 10);
  EXPECT_EQ(events.back()->received_at, 4990);
}

}  // namespace
}  // namespace mentat::pipeline
