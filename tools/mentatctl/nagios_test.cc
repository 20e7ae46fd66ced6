#include "tools/mentatctl/nagios.h"

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/mentatctl/nagios_dead_letters.h"
#include "tools/mentatctl/nagios_status.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::GetStatusResponse;
using testing::HasSubstr;
using testing::StartsWith;

// As the table of the guidelines has them.
TEST(RangeTest, AlertsAsTheGuidelinesSay) {
  struct Case {
    const char* range;
    std::vector<double> alerts;
    std::vector<double> well;
  };
  for (const Case& each : std::vector<Case>{{"10", {-0.1, 10.1}, {0, 10}},
                                            {"10:", {9.9}, {10, 1e9}},
                                            {"~:10", {10.1}, {-1e9, 10}},
                                            {":10", {-1, 11}, {0, 10}},
                                            {"10:20", {9, 21}, {10, 20}},
                                            {"@10:20", {10, 15, 20}, {9, 21}},
                                            {"0.5", {0.6}, {0.5}}}) {
    const auto range = Range::Parse(each.range);
    ASSERT_THAT(range, IsOk()) << each.range;
    for (const double value : each.alerts) EXPECT_TRUE(range->Alerts(value)) << each.range << value;
    for (const double value : each.well) EXPECT_FALSE(range->Alerts(value)) << each.range << value;
  }
  for (const char* wrong : {"", "x", "20:10", "1:2:3", "@", "nan", "1:inf", "10 s"}) {
    EXPECT_THAT(Range::Parse(wrong),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is no range")))
        << wrong;
  }
}

Thresholds Parse(const std::vector<std::string>& texts) {
  const auto thresholds = Thresholds::Parse(texts, NagiosMetrics());
  EXPECT_THAT(thresholds, IsOk());
  return *thresholds;
}

TEST(ThresholdsTest, ThoseOfAStageGoBeforeThoseOfAll) {
  const Thresholds thresholds = Parse({"storage.queue_age=5", "queue_age=60"});
  EXPECT_EQ(thresholds.Find("storage.queue_age")->text(), "5");
  EXPECT_EQ(thresholds.Find("inspector.queue_age")->text(), "60");
  EXPECT_EQ(thresholds.Find("inspector.rate"), nullptr);
  EXPECT_THAT(Thresholds::Parse({"quue_age=5"}, NagiosMetrics()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("queue_age, in_flight")));
  EXPECT_THAT(Thresholds::Parse({"rate"}, NagiosMetrics()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("METRIC=RANGE")));
}

GetStatusResponse Sample() {
  GetStatusResponse response;
  auto& stage = *response.add_stages();
  stage.set_name("storage");
  for (const char* name : {"storage", "storage-2"}) {
    auto& instance = *stage.add_instances();
    instance.set_reachability(controller::v1::REACHABILITY_ANSWERED);
    auto& status = *instance.mutable_status();
    status.set_instance(name);
    status.set_state(stage::v1::STATE_READY);
    status.set_received_per_second(100.25);
    status.mutable_ledger()->set_in_flight(32);
    status.mutable_ledger()->set_rejected(3);
    status.mutable_oldest_event_age()->set_seconds(name[7] == '-' ? 45 : 1);
  }
  return response;
}

TEST(NagiosStatusTest, OneLineWithData) {
  const NagiosResult result = MakeNagiosResult(Sample(), Parse({}), Parse({}));
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.line,
            "MENTAT OK - 2 of 2 instances ready | 'storage.queue_age'=45s 'storage.in_flight'=64 "
            "'storage.rate'=200.5 'storage.rejected'=6c 'storage.ready'=2\n");
}

TEST(NagiosStatusTest, ThresholdsAlert) {
  NagiosResult result =
      MakeNagiosResult(Sample(), Parse({"queue_age=30"}), Parse({"queue_age=120"}));
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.line,
              StartsWith("MENTAT WARNING - storage.queue_age is 45 s (warning 30), 2 of 2"));
  EXPECT_THAT(result.line, HasSubstr("'storage.queue_age'=45s;30;120 "));
  result = MakeNagiosResult(Sample(), Parse({"queue_age=30"}), Parse({"storage.rate=1000:"}));
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.line, StartsWith("MENTAT CRITICAL - storage.queue_age is 45 s (warning 30), "
                                      "storage.rate is 200.5 (critical 1000:), "));
  EXPECT_THAT(result.line, HasSubstr("'storage.rate'=200.5;;1000: "));
}

TEST(NagiosStatusTest, TheStateCountsToo) {
  GetStatusResponse response = Sample();
  response.mutable_stages(0)->mutable_instances(1)->mutable_status()->set_state(
      stage::v1::STATE_PAUSED);
  NagiosResult result = MakeNagiosResult(response, Parse({"queue_age=~:"}), Parse({}));
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.line,
              StartsWith("MENTAT WARNING - 1 of 2 instances ready: storage-2 paused |"));
  response.mutable_stages(0)->mutable_instances(1)->mutable_status()->set_instance("a|b\nc");
  EXPECT_THAT(MakeNagiosResult(response, Parse({}), Parse({})).line, HasSubstr("a/b?c paused |"));
  EXPECT_EQ(MakeNagiosFailure(absl::PermissionDeniedError("no\naccess")).line,
            "MENTAT UNKNOWN - no?access\n");
  EXPECT_EQ(MakeNagiosFailure(absl::UnavailableError("away")).line, "MENTAT CRITICAL - away\n");
}

TEST(NagiosDeadLettersTest, TheirNumberIsMeasured) {
  controller::v1::CountDeadLettersResponse counts;
  const auto result = [&](const char* warning, const char* critical) {
    const auto ranges = DeadLetterRanges::Parse(warning, critical);
    EXPECT_THAT(ranges, IsOk());
    return MakeNagiosResult(counts, *ranges);
  };
  EXPECT_EQ(result("", "").line, "MENTAT OK - 0 dead letters | 'dead_letters'=0\n");
  const auto add = [&](const char* stage, const char* rule, int count) {
    auto& group = *counts.add_groups();
    group.set_reason("failed");
    group.set_stage(stage);
    group.set_rule(rule);
    group.set_count(count);
    counts.set_total(counts.total() + count);
  };
  add("storage", "", 1);
  EXPECT_EQ(result("0", "10").line,
            "MENTAT WARNING - 1 dead letter (warning 0): 1 failed at storage | "
            "'dead_letters'=1;0;10\n");
  EXPECT_EQ(result("0", "10").exit_status, 1);
  EXPECT_EQ(result("1", "10").exit_status, 0);
  add("inspector", "a|b", 12);
  add("enricher", "", 2);
  add("filer", "", 1);
  EXPECT_EQ(result("", "10").exit_status, 2);
  EXPECT_EQ(result("", "10").line,
            "MENTAT CRITICAL - 16 dead letters (critical 10): 12 failed at inspector (rule a/b), 2 "
            "failed at enricher, 1 failed at storage, others | 'dead_letters'=16;;10\n");
  EXPECT_THAT(DeadLetterRanges::Parse("many", ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("many is no range")));
}

}  // namespace
}  // namespace mentat::mentatctl
