#include "services/inspector/inspector.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/status_matchers.h"
#include "common/service/testing/reload.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"
#include "services/inspector/test_event.h"

namespace mentat::inspector {
namespace {

using pipeline::Item;
using ::testing::AllOf;
using ::testing::HasSubstr;

class InspectorTest : public ::testing::Test {
 protected:
  InspectorTest()
      : file_((std::filesystem::path(::testing::TempDir()) /
               (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) +
                ".json"))
                  .string()) {
    context_.registry = &registry_;
    config_.add_rules(file_);
    config_.set_on_error("skip");
    (*config_.mutable_pipeline()->mutable_outputs())["default"];
    (*config_.mutable_pipeline()->mutable_outputs())["lab"];
  }

  void WriteRule(std::string_view rule, std::string_view action) const {
    std::ofstream(file_) << R"({"inspection_rules": [{"name": "it", "rule": ")" << rule
                         << R"(", "actions": [)" << action << "]}]}";
  }

  static Item::Verdict Process(service::Service& service) {
    const std::unique_ptr<pipeline::Processor> processor = service.MakeProcessor();
    Item item = MakeItem(MakeEvent(R"("Category": ["Test"])"));
    processor->Process(std::span(&item, 1), std::stop_token());
    return item.verdict();
  }

  const std::string file_;
  prometheus::Registry registry_;
  service::Context context_;
  Inspector::Config config_;
};

TEST_F(InspectorTest, DoesNotStartWithoutGoodRules) {
  EXPECT_THAT(Inspector::Create(config_, context_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(file_), HasSubstr("No such file"))));
}

TEST_F(InspectorTest, InspectsWithTheRulesOfItsFiles) {
  WriteRule("ID", R"({"action": "drop"})");
  const auto inspector = Inspector::Create(config_, context_);
  ASSERT_THAT(inspector, IsOk());
  EXPECT_EQ(Process(**inspector), Item::Verdict::kDrop);
  const auto details = (*inspector)->Details();
  EXPECT_EQ(details.at("rule it"), "1 matches, 0 errors");
  EXPECT_THAT(details.at("rules"), HasSubstr("1 rules in use since 20"));
  EXPECT_FALSE(details.contains("rules refused"));
  EXPECT_EQ(static_cast<Inspector&>(**inspector).metrics().inspected.Value(), 1);
}

TEST_F(InspectorTest, ReloadTakesNewRulesAndRefusesBrokenOnesWhole) {
  WriteRule("ID", R"({"action": "drop"})");
  const auto inspector = Inspector::Create(config_, context_);
  ASSERT_THAT(inspector, IsOk());

  WriteRule("ID ==", R"({"action": "dispatch", "args": {"output": "lba"}})");
  EXPECT_THAT(testing_support::Reload(**inspector),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("2 problems"), HasSubstr("parse:"),
                             HasSubstr("did you mean \"lab\"?"))));
  EXPECT_EQ(Process(**inspector), Item::Verdict::kDrop);
  EXPECT_THAT((*inspector)->Details().at("rules refused"), HasSubstr("2 problems"));
  EXPECT_EQ(static_cast<Inspector&>(**inspector).metrics().refused.Value(), 1);

  WriteRule("ID", R"({"action": "dispatch", "args": {"output": "lab"}})");
  EXPECT_THAT(testing_support::Reload(**inspector), IsOk());
  EXPECT_EQ(Process(**inspector), Item::Verdict::kDispatch);
  EXPECT_FALSE((*inspector)->Details().contains("rules refused"));
}

TEST_F(InspectorTest, QueuesMustLeadToOutputs) {
  WriteRule("ID", R"({"action": "dispatch", "args": {"queue_tgt": "/spool/lab"}})");
  (*config_.mutable_queues())["/spool/lab"] = "laboratory";
  EXPECT_THAT(Inspector::Create(config_, context_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("queues[\"/spool/lab\"]")));
  (*config_.mutable_queues())["/spool/lab"] = "lab";
  const auto inspector = Inspector::Create(config_, context_);
  ASSERT_THAT(inspector, IsOk());
  EXPECT_EQ(Process(**inspector), Item::Verdict::kDispatch);
}

TEST_F(InspectorTest, OnErrorIsConfigured) {
  WriteRule("ID > 5", R"({"action": "drop"})");
  {
    const auto inspector = Inspector::Create(config_, context_);
    ASSERT_THAT(inspector, IsOk());
    EXPECT_EQ(Process(**inspector), Item::Verdict::kForward);
  }
  config_.set_on_error("reject");
  const auto inspector = Inspector::Create(config_, context_);
  ASSERT_THAT(inspector, IsOk());
  EXPECT_EQ(Process(**inspector), Item::Verdict::kReject);
}

}  // namespace
}  // namespace mentat::inspector
