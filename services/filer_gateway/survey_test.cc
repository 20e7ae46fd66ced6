#include "services/filer_gateway/survey.h"

#include <chrono>
#include <filesystem>

#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "services/filer_gateway/metrics.h"
#include "services/filer_gateway/test_queue.h"

namespace mentat::filer {
namespace {

class SurveyTest : public QueueTest {
 protected:
  void Look() { SurveyQueue(*queue_, metrics_); }

  prometheus::Registry registry_;
  InMetrics metrics_{registry_};
};

TEST_F(SurveyTest, SaysWhatWaitsAndForHowLong) {
  Look();
  EXPECT_EQ(metrics_.incoming.Value(), 0);
  EXPECT_EQ(metrics_.oldest.Value(), 0);
  Put("old", "");
  std::filesystem::last_write_time(
      root_ / "incoming" / "old",
      std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  Look();
  EXPECT_EQ(metrics_.incoming.Value(), 1);
  EXPECT_NEAR(metrics_.oldest.Value(), 3600, 60);
}

TEST_F(SurveyTest, SaysHowMuchRoomTheDiskHas) {
  Look();
  EXPECT_GT(metrics_.disk_size.Value(), 0);
  EXPECT_GE(metrics_.disk_size.Value(), metrics_.disk_free.Value());
}

}  // namespace
}  // namespace mentat::filer
