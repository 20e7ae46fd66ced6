#include "tests/stages/crasher/crasher.h"

#include <csignal>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/status_matchers.h"
#include "gtest/gtest.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::crasher {
namespace {

using pipeline::Item;

Item Noted(std::string_view note) {
  idea::v1::Event event;
  event.set_note(std::string(note));
  return Item(event.SerializeAsString());
}

std::unique_ptr<pipeline::Processor> MakeProcessor(uint32_t delay_ms = 0) {
  Crasher::Config config;
  config.set_delay_ms(delay_ms);
  service::Context context;
  auto crasher = Crasher::Create(config, context);
  EXPECT_THAT(crasher, IsOk());
  return (*crasher)->MakeProcessor();
}

TEST(Crasher, LetsOrdinaryEventsPass) {
  std::vector<Item> items;
  items.push_back(Noted("poisonous"));
  items.push_back(Noted(""));
  MakeProcessor(1)->Process(items, std::stop_token());
  EXPECT_EQ(items[0].verdict(), Item::Verdict::kForward);
  EXPECT_EQ(items[1].verdict(), Item::Verdict::kForward);
}

TEST(CrasherDeathTest, DiesOfPoison) {
  Item item = Noted("poison");
  const auto processor = MakeProcessor();
  EXPECT_EXIT(processor->Process(std::span(&item, 1), std::stop_token()),
              ::testing::KilledBySignal(SIGABRT), "");
}

TEST(Crasher, HangsUntilItIsStopped) {
  Item item = Noted("hang");
  const auto processor = MakeProcessor();
  std::jthread worker([&](std::stop_token stop) { processor->Process(std::span(&item, 1), stop); });
  worker.request_stop();
  worker.join();
  EXPECT_EQ(item.verdict(), Item::Verdict::kRetry);
}

}  // namespace
}  // namespace mentat::crasher
