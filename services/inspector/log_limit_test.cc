#include "services/inspector/log_limit.h"

#include <chrono>
#include <cstdint>
#include <optional>

#include "gtest/gtest.h"

namespace mentat::inspector {
namespace {

TEST(LogLimit, LetsABurstThroughAndSaysWhatItHeldBack) {
  LogLimit limit;
  const LogLimit::Clock::time_point start{std::chrono::hours(5)};
  for (uint64_t i = 0; i < LogLimit::kBurst; ++i) EXPECT_EQ(limit.Admit(start), 0);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(limit.Admit(start + std::chrono::seconds(1)), std::nullopt);
  EXPECT_EQ(limit.Admit(start + LogLimit::kPeriod), 7);
  EXPECT_EQ(limit.Admit(start + LogLimit::kPeriod), 0);
}

TEST(LogLimit, LetsTheFirstLineThroughWheneverTheMachineStarted) {
  LogLimit limit;
  EXPECT_EQ(limit.Admit(LogLimit::Clock::time_point{}), 0);
}

}  // namespace
}  // namespace mentat::inspector
