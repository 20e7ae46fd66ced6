#include "tools/mentatctl/status_command.h"

#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mentat::mentatctl {
namespace {

using controller::v1::GetStatusResponse;
using controller::v1::InstanceStatus;
using controller::v1::REACHABILITY_ANSWERED;
using controller::v1::REACHABILITY_GONE;
using controller::v1::REACHABILITY_UNREACHABLE;
using controller::v1::StageStatus;

StageStatus& AddStage(GetStatusResponse& response, const std::string& name) {
  StageStatus& stage = *response.add_stages();
  stage.set_name(name);
  return stage;
}

InstanceStatus& AddInstance(StageStatus& stage, const std::string& name, stage::v1::State state,
                            controller::v1::Reachability reachability = REACHABILITY_ANSWERED) {
  InstanceStatus& instance = *stage.add_instances();
  instance.set_address("127.0.0.1:1");
  instance.set_reachability(reachability);
  instance.mutable_status()->set_instance(name);
  instance.mutable_status()->set_state(state);
  return instance;
}

TEST(JudgeTest, TheWorstCounts) {
  GetStatusResponse response;
  EXPECT_EQ(Judge(response), Severity::kOk);
  StageStatus& stage = AddStage(response, "inspector");
  EXPECT_EQ(Judge(response), Severity::kCritical) << "a stage without an instance";
  AddInstance(stage, "a", stage::v1::STATE_READY);
  EXPECT_EQ(Judge(response), Severity::kOk);
  AddInstance(stage, "b", stage::v1::STATE_READY, REACHABILITY_GONE);
  EXPECT_EQ(Judge(response), Severity::kOk) << "one that is gone on purpose";
  InstanceStatus& other = AddInstance(stage, "c", stage::v1::STATE_NOT_READY);
  EXPECT_EQ(Judge(response), Severity::kWarning) << "another does the work";
  for (const stage::v1::State state :
       {stage::v1::STATE_PAUSED, stage::v1::STATE_DRAINING, stage::v1::STATE_STARTING}) {
    other.mutable_status()->set_state(state);
    EXPECT_EQ(Judge(response), Severity::kWarning);
  }
  other.set_reachability(REACHABILITY_UNREACHABLE);
  EXPECT_EQ(Judge(response), Severity::kCritical);
  other.set_reachability(REACHABILITY_ANSWERED);
  other.mutable_status()->set_state(stage::v1::STATE_NOT_READY);
  stage.mutable_instances(0)->mutable_status()->set_state(stage::v1::STATE_NOT_READY);
  EXPECT_EQ(Judge(response), Severity::kCritical) << "none is ready";
  stage.mutable_instances(0)->mutable_status()->set_state(stage::v1::STATE_READY);
  other.mutable_status()->set_state(stage::v1::STATE_READY);
  stage.set_error("cannot resolve x");
  EXPECT_EQ(Judge(response), Severity::kWarning);
  stage.clear_error();
  stage.mutable_instances()->DeleteSubrange(0, 1);
  stage.mutable_instances()->DeleteSubrange(1, 1);
  EXPECT_EQ(Judge(response), Severity::kCritical) << "all are gone";
}

GetStatusResponse Sample() {
  GetStatusResponse response;
  StageStatus& inspector = AddStage(response, "inspector");
  InstanceStatus& busy = AddInstance(inspector, "inspector-1", stage::v1::STATE_READY);
  busy.mutable_status()->set_received_per_second(1234.56);
  auto& ledger = *busy.mutable_status()->mutable_ledger();
  ledger.set_received(1000000);
  ledger.set_in_flight(64);
  ledger.set_rejected(3);
  ledger.set_dropped(20);
  busy.mutable_status()->mutable_oldest_event_age()->set_nanos(250'000'000);
  InstanceStatus& waiting = AddInstance(inspector, "inspector-2", stage::v1::STATE_NOT_READY);
  waiting.mutable_status()->mutable_ledger();
  waiting.mutable_status()->mutable_oldest_event_age()->set_seconds(7200);
  waiting.mutable_status()->set_not_ready_reason("no peer \x1b[2J answers");
  InstanceStatus& away = AddInstance(AddStage(response, "storage"), "",
                                     stage::v1::STATE_UNSPECIFIED, REACHABILITY_UNREACHABLE);
  away.set_error("connection refused");
  AddStage(response, "enricher").set_error("cannot resolve enricher");
  return response;
}

TEST(StatusTableTest, ShowsInstancesAndWhatTheySay) {
  EXPECT_EQ(FormatStatusTable(Sample()),
            "STAGE      INSTANCE     STATE        RATE/S  RECEIVED  IN FLIGHT  REJECTED  DROPPED  "
            "OLDEST\n"
            "inspector  inspector-1  ready        1234.6   1000000         64         3       20   "
            "0.2 s\n"
            "inspector  inspector-2  not ready       0.0         0          0         0        0   "
            "  2 h\n"
            "storage    127.0.0.1:1  unreachable       -         -          -         -        -   "
            "    -\n"
            "enricher   -            no instance       -         -          -         -        -   "
            "    -\n"
            "\n"
            "inspector-2: no peer ?[2J answers\n"
            "127.0.0.1:1: connection refused\n"
            "enricher: cannot resolve enricher\n");
}

TEST(StatusJsonTest, HasTheNumbers) {
  const auto json = nlohmann::json::parse(FormatStatusJson(Sample()));
  EXPECT_EQ(json["severity"], "critical");
  ASSERT_EQ(json["stages"].size(), 3u);
  const auto& instance = json["stages"][0]["instances"][0];
  EXPECT_EQ(instance["instance"], "inspector-1");
  EXPECT_EQ(instance["state"], "ready");
  EXPECT_EQ(instance["received"], 1000000);
  EXPECT_EQ(instance["in_flight"], 64);
  EXPECT_EQ(instance["oldest_event_seconds"], 0.25);
  EXPECT_EQ(json["stages"][0]["instances"][1]["state"], "not_ready");
  EXPECT_EQ(json["stages"][1]["instances"][0]["reason"], "connection refused");
  EXPECT_EQ(json["stages"][2]["error"], "cannot resolve enricher");
}

}  // namespace
}  // namespace mentat::mentatctl
