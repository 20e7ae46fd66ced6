// The commands that show what goes on, over stages with events.

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/event_source.h"
#include "tools/mentatctl/ctl_fixture.h"

namespace mentat::mentatctl {
namespace {

using testing::HasSubstr;
using testing_support::EventSource;

// A stage `first` that sends to a stage `last`, and a source of events before them.
class ShowTest : public CtlTest {
 protected:
  void SetUp() override {
    CtlTest::SetUp();
    demos_["last"] = StartDemo("last");
    demos_["first"] =
        StartDemo("first", {"--set", absl::StrCat("pipeline.outputs={\"default\": {\"peers\": [\"",
                                                  demo("last").ports().input, "\"]}}")});
    StartController(controller::Stages({controller::Stage("first", {AddressOf("first")}),
                                        controller::Stage("last", {AddressOf("last")})}));
    has_controller_ = true;
    auto source = EventSource::Start(demo("first").ports().input, {"Malware", "Recon"});
    ASSERT_THAT(source, IsOk());
    source_ = *std::move(source);
    ASSERT_THAT(demo("last").WaitUntil(
                    [](const stage::v1::Status& status) { return status.ledger().received() > 0; }),
                IsOk());
  }

  std::unique_ptr<EventSource> source_;
};

TEST_F(ShowTest, TopologyTellsEdges) {
  Result result = Ctl({"topology"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("FROM   OUTPUT   TO     UP"));
  EXPECT_THAT(result.out, HasSubstr("first  default  last  1/1"));
  result = Ctl({"topology", "--json"});
  ASSERT_EQ(result.Json()["edges"].size(), 1u) << result.out;
  EXPECT_EQ(result.Json()["edges"][0]["to"], "last");
  EXPECT_TRUE(result.Json()["edges"][0].contains("oldest_age_seconds")) << result.out;
  demo("last").process().Signal(SIGKILL);
  ASSERT_THAT(demo("first").WaitUntil([](const stage::v1::Status& status) {
    return !status.peers().empty() && !status.peers(0).connected();
  }),
              IsOk());
  EXPECT_EQ(Ctl({"topology"}).exit_status, 1);
}

TEST_F(ShowTest, LedgerAndInFlight) {
  Result result = Ctl({"ledger"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("INSTANCE  OUTPUT"));
  result = Ctl({"ledger", "last", "--json"});
  ASSERT_EQ(result.Json()["instances"].size(), 1u) << result.out;
  EXPECT_GT(result.Json()["instances"][0]["answer"]["ledger"]["received"], 0);
  // Batches are held where nobody takes them.
  demo("last").process().Signal(SIGKILL);
  ASSERT_THAT(demo("last").process().Wait(), IsOk());
  ASSERT_THAT(demo("first").WaitUntil([](const stage::v1::Status& status) {
    return !status.peers(0).connected() && status.ledger().in_flight() > 0;
  }),
              IsOk());
  result = Ctl({"in-flight", "first", "--limit", "1"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("INSTANCE  STATE"));
  result = Ctl({"in-flight", "first", "--json"});
  EXPECT_GT(result.Json()["instances"][0]["answer"]["batches"].size(), 0u) << result.out;
}

TEST_F(ShowTest, TailShowsEventsOfTheLastStage) {
  Result result = Ctl({"tail", "Category in [\"Malware\"]", "--limit", "3"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  std::istringstream lines(result.out);
  int events = 0;
  for (std::string line; std::getline(lines, line); ++events) {
    EXPECT_EQ(nlohmann::json::parse(line)["Category"][0], "Malware");
  }
  EXPECT_EQ(events, 3);
  result = Ctl({"tail", "--limit", "1", "--json"});
  EXPECT_EQ(result.Json()["instance"], "last") << result.out;
  result = Ctl({"tail", "--stage", "first", "--limit", "1", "--json"});
  EXPECT_EQ(result.Json()["instance"], "first") << result.out;
  EXPECT_EQ(result.Json()["outcome"], "forwarded");
  EXPECT_TRUE(result.Json()["event"].is_object());
}

TEST_F(ShowTest, AWrongFilterIsToldWithItsPlace) {
  const Result result = Ctl({"tail", "Category in ["});
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_THAT(result.err, HasSubstr("line 1, column 14"));
}

TEST_F(ShowTest, VersionsOfAll) {
  Result result = Ctl({"version"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("first  first     demo"));
  result = Ctl({"version", "--json"});
  EXPECT_EQ(result.Json()["instances"].size(), 2u);
  EXPECT_EQ(result.Json()["instances"][0]["version"], result.Json()["mentatctl"]);
  StopController();
  has_controller_ = false;
  EXPECT_EQ(Ctl({"version"}).exit_status, 2);
  result = Ctl({"version", "--client"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, testing::StartsWith("mentatctl "));
}

}  // namespace
}  // namespace mentat::mentatctl
