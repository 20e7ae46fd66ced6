#include "tools/mentatctl/top_view.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/mentatctl/table.h"

namespace mentat::mentatctl {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TopData Sample() {
  TopData data{.controller = "127.0.0.1:5580"};
  int number = 0;
  for (const char* name : {"filer_gateway", "inspector", "enricher"}) {
    auto& stage = *data.status.add_stages();
    stage.set_name(name);
    auto& instance = *stage.add_instances();
    instance.set_reachability(controller::v1::REACHABILITY_ANSWERED);
    auto& status = *instance.mutable_status();
    status.set_instance(name);
    status.set_state(number == 2 ? stage::v1::STATE_PAUSED : stage::v1::STATE_READY);
    status.set_received_per_second(1000 + number);
    status.set_settled_per_second(900);
    status.mutable_ledger()->set_in_flight(50 - number);
    status.set_memory_bytes(34 << 20);
    ++number;
  }
  data.status.add_stages()->set_name("storage");
  auto& edge = *data.topology.add_edges();
  edge.set_from("filer_gateway");
  edge.set_output("default");
  edge.set_to("inspector");
  edge.set_connections(1);
  edge.set_connected(1);
  edge.set_outstanding_events(30);
  edge.set_window_events(60);
  return data;
}

TEST(TopViewTest, FitsEightyColumns) {
  const auto lines = TopLines(Sample(), {});
  for (const std::string& line : lines) EXPECT_LE(Columns(line), 80u) << line;
  EXPECT_THAT(lines[0], StartsWith("mentat  127.0.0.1:5580  "));
  EXPECT_EQ(lines[1], "critical: 2 of 3 instances ready: enricher paused, storage has no instance");
  EXPECT_THAT(lines[3], HasSubstr("INSTANCE       STATE"));
  EXPECT_THAT(lines[4], HasSubstr("filer_gateway  ready"));
  EXPECT_THAT(lines.back(), HasSubstr("50 %"));
}

TEST(TopViewTest, OrdersAndScrolls) {
  const auto lines = TopLines(Sample(), {.order = TopOrder::kRate});
  EXPECT_THAT(lines[4], HasSubstr("enricher"));
  EXPECT_THAT(lines[7], HasSubstr("storage"));
  const auto few = TopLines(Sample(), {.rows = 7, .scroll = 1});
  ASSERT_EQ(few.size(), 7u);
  EXPECT_THAT(few[4], HasSubstr("inspector"));
  EXPECT_THAT(few[5], HasSubstr("enricher"));
  EXPECT_THAT(few[6], HasSubstr("q quit"));
  EXPECT_THAT(TopLines(Sample(), {.rows = 7, .scroll = 99})[5], HasSubstr("storage"));
}

TEST(TopViewTest, AnySizeIsKept) {
  for (size_t rows = 1; rows < 20; ++rows) {
    for (size_t columns = 1; columns < 130; columns += 7) {
      const auto lines = TopLines(Sample(), {.columns = columns, .rows = rows});
      EXPECT_EQ(lines.size(), rows);
      for (const std::string& line : lines) EXPECT_LE(Columns(line), columns) << line;
    }
  }
}

TEST(TopViewTest, ColoursAreNoText) {
  const auto lines = TopLines(Sample(), {.color = true});
  EXPECT_THAT(lines[0], StartsWith("\x1b[7m"));
  EXPECT_THAT(lines[4], Not(HasSubstr("\x1b"))) << "ready needs no colour";
  EXPECT_THAT(lines[6], StartsWith("\x1b[33m")) << "paused";
  EXPECT_THAT(lines[7], StartsWith("\x1b[31m")) << "no instance";
}

TEST(TopViewTest, AnErrorStandsBesideWhatWasKnown) {
  TopData data = Sample();
  data.error = "the controller does not answer";
  const auto lines = TopLines(data, {});
  EXPECT_EQ(lines[1], "the controller does not answer");
  EXPECT_THAT(lines[4], HasSubstr("filer_gateway"));
}

}  // namespace
}  // namespace mentat::mentatctl
