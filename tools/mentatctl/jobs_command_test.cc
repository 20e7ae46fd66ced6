#include "tools/mentatctl/jobs_command.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace mentat::mentatctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

controller::v1::ListJobsResponse Jobs(const std::string& text) {
  controller::v1::ListJobsResponse jobs;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &jobs));
  return jobs;
}

TEST(JobsTextTest, TellsStateAndLastRun) {
  const auto jobs = Jobs(R"(
    jobs { name: "a/well" schedule: "every 10m" time_zone: "UTC" enabled: true available: true
           last_run { outcome: JOB_OUTCOME_OK instance: "a-1" result: "12 rows\nand more" } }
    jobs { name: "b/ill" schedule: "0 2 * * *" time_zone: "UTC" enabled: true available: true
           last_run { outcome: JOB_OUTCOME_FAILED instance: "b-1" error: "INTERNAL: broken" } }
    jobs { name: "c/gone" schedule: "0 3 * * *" time_zone: "UTC" })");
  const std::string text = JobsText(jobs);
  EXPECT_THAT(text, HasSubstr("every 10m  "));
  EXPECT_THAT(text, HasSubstr("0 2 * * * UTC"));
  EXPECT_THAT(text, HasSubstr("12 rows"));
  EXPECT_THAT(text, Not(HasSubstr("and more")));
  EXPECT_THAT(text, HasSubstr("INTERNAL: broken"));
  EXPECT_THAT(text, HasSubstr("disabled"));
  EXPECT_THAT(text, HasSubstr("no instance is there that can run it"));
  EXPECT_FALSE(IsUnwell(jobs.jobs(0)));
  EXPECT_TRUE(IsUnwell(jobs.jobs(1)));
  EXPECT_TRUE(IsUnwell(jobs.jobs(2)));
}

TEST(JobsTextTest, TellsRuns) {
  controller::v1::ListJobRunsResponse runs;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    runs { outcome: JOB_OUTCOME_ABANDONED attempt: 1 instance: "a-1" error: "died"
           start_time { seconds: 1700000000 } end_time { seconds: 1700000012 }
           due_time { seconds: 1700000000 } }
    runs { outcome: JOB_OUTCOME_MISSED attempt: 1 instance: "a-2" error: "3 times"
           start_time { seconds: 1700000000 } end_time { seconds: 1700000000 } }
    runs { outcome: JOB_OUTCOME_RUNNING attempt: 2 instance: "a-2"
           start_time { seconds: 1700000000 } })",
                                                            &runs));
  const std::string text = RunsText(runs);
  EXPECT_THAT(text, HasSubstr("abandoned"));
  EXPECT_THAT(text, HasSubstr("12.0 s"));
  EXPECT_THAT(text, HasSubstr("missed"));
  EXPECT_THAT(text, HasSubstr("3 times"));
  EXPECT_THAT(text, HasSubstr("request"));
  EXPECT_THAT(text, HasSubstr("running"));
}

}  // namespace
}  // namespace mentat::mentatctl
