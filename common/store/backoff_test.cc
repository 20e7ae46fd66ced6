#include "common/store/backoff.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::store {
namespace {

TEST(BackoffTest, GrowsToItsBoundAndStartsAnew) {
  Backoff backoff(absl::Milliseconds(100), absl::Seconds(1));
  const absl::Duration lengths[] = {absl::Milliseconds(100), absl::Milliseconds(200),
                                    absl::Milliseconds(400), absl::Milliseconds(800),
                                    absl::Seconds(1),        absl::Seconds(1)};
  for (absl::Duration length : lengths) {
    const absl::Duration pause = backoff.Next();
    EXPECT_GE(pause, length / 2);
    EXPECT_LE(pause, length);
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), absl::Milliseconds(100));
}

TEST(BackoffTest, StopEndsTheWait) {
  std::stop_source source;
  source.request_stop();
  Backoff backoff(absl::Hours(1), absl::Hours(1));
  EXPECT_FALSE(backoff.Wait(source.get_token()));
  Backoff short_backoff(absl::Nanoseconds(1), absl::Nanoseconds(1));
  EXPECT_TRUE(short_backoff.Wait({}));
}

}  // namespace
}  // namespace mentat::store
