#include "services/inspector/rule_set.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"
#include "services/inspector/rule_loader.h"
#include "services/inspector/test_event.h"

namespace mentat::inspector {
namespace {

using pipeline::Item;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kScan[] = R"("Category": ["Recon.Scanning"], "Source": [{"IP4": ["192.0.2.1"]}])";

class RuleSetTest : public ::testing::Test {
 protected:
  // Rules and fallback as in a file, without the brackets around them.
  RuleSet Load(const std::string& rules, const std::string& fallback = "",
               OnError on_error = OnError::kSkip) {
    LoadResult result = ParseRules(
        "{\"inspection_rules\": [" + rules + "], \"fallback_actions\": [" + fallback + "]}", "test",
        {.outputs = {"default", "lab", "copy"}, .queues = {}});
    EXPECT_THAT(result.errors, IsEmpty()) << Describe(result.errors);
    return RuleSet(std::move(result.rules), on_error, metrics_, log::Logger::Null());
  }

  Item Inspect(const RuleSet& rules, std::string_view members = kScan) {
    Item item = MakeItem(MakeEvent(members));
    rules.Inspect(item);
    return item;
  }

  double Count(size_t kind, ActionResult result) {
    return metrics_.ForAction(kind, result).Value();
  }

  prometheus::Registry registry_;
  Metrics metrics_{registry_};
};

std::string Rule(std::string_view rule, std::string_view actions, std::string_view more = "") {
  return "{\"rule\": \"" + std::string(rule) + "\", \"actions\": [" + std::string(actions) + "]" +
         std::string(more) + "}";
}
std::string Tag(std::string_view path, std::string_view value, std::string_view more = "") {
  return "{\"action\": \"tag\", \"args\": {\"path\": \"" + std::string(path) +
         "\", \"value\": " + std::string(value) + std::string(more) + "}}";
}
std::string Set(std::string_view path, std::string_view expression, std::string_view more = "") {
  return "{\"action\": \"set\", \"args\": {\"path\": \"" + std::string(path) +
         "\", \"expression\": \"" + std::string(expression) + "\"" + std::string(more) + "}}";
}
std::string To(std::string_view action, std::string_view output) {
  return "{\"action\": \"" + std::string(action) + "\", \"args\": {\"output\": \"" +
         std::string(output) + "\"}}";
}
constexpr char kDrop[] = R"({"action": "drop"})";

idea::v1::Event Parsed(const std::string& wire) {
  idea::v1::Event event;
  EXPECT_TRUE(event.ParseFromString(wire));
  return event;
}

TEST_F(RuleSetTest, LaterRulesSeeWhatEarlierOnesChanged) {
  const RuleSet rules = Load(Rule("Category in ['Recon.Scanning']", Tag("Note", "\"scan\"")) + "," +
                             Rule("Note == 'scan'", Tag("_Mentat.EventClass", "\"found\"")));
  Item item = Inspect(rules);
  EXPECT_EQ(item.verdict(), Item::Verdict::kForward);
  EXPECT_EQ(Parsed(item.TakeWire()).mentat().event_class(), "found");
}

TEST_F(RuleSetTest, ALongChainOfRulesEachOfWhichNeedsTheOneBefore) {
  // Each rule takes away what it matched, so that every one has to see the event as it is then.
  constexpr int kRules = 150;
  std::string rules = Rule("ID", Tag("Note", "\"step 0\""));
  for (int i = 0; i < kRules; ++i) {
    const std::string step = std::to_string(i);
    const std::string next = std::to_string(i + 1);
    rules += "," + Rule("Note == 'step " + step + "' and Category in ['Recon.Scanning']",
                        Tag("Note", "\"step " + next + "\"") + "," +
                            Tag("_Mentat.InspectionErrors[*]", "\"" + next + "\""));
    rules += "," + Rule("Note == 'step " + step + "'", Tag("Description", "\"stale\""));
  }
  rules += "," + Rule("size(_Mentat.InspectionErrors) == " + std::to_string(kRules),
                      Tag("_Mentat.EventClass", "\"all\""));
  Item item = Inspect(Load(rules));
  EXPECT_EQ(item.view().note(), "step " + std::to_string(kRules));
  EXPECT_EQ(item.view().mentat().event_class(), "all");
  EXPECT_FALSE(item.view().has_description());
}

TEST_F(RuleSetTest, AnythingThatCountsAsTrueIsAMatch) {
  const RuleSet rules = Load(Rule("Source.IP4", Tag("Note", "\"text\"")) + "," +
                             Rule("Missing", Tag("Description", "\"text\"")));
  Item item = Inspect(rules);
  EXPECT_EQ(item.view().note(), "text");
  EXPECT_FALSE(item.view().has_description());
}

TEST_F(RuleSetTest, AnEventThatNoRuleTouchesKeepsItsBytes) {
  const RuleSet rules = Load(Rule("Missing", kDrop), R"({"action": "log"})");
  Item item = MakeItem(MakeEvent(kScan));
  const std::string wire(item.wire());
  rules.Inspect(item);
  EXPECT_EQ(item.TakeWire(), wire);
}

TEST_F(RuleSetTest, FinalEndsTheRulesAfterTheActions) {
  const RuleSet rules = Load(
      Rule("ID", Tag("Note", "\"a\"") + "," + Tag("Description", "\"a\""), ", \"final\": true") +
      "," + Rule("ID", Tag("Note", "\"b\"")));
  Item item = Inspect(rules);
  EXPECT_EQ(item.view().note(), "a");
  EXPECT_EQ(item.view().description(), "a");
}

TEST_F(RuleSetTest, FallbackIsForEventsWithoutAMatch) {
  const RuleSet rules =
      Load(Rule("Category in ['Recon.Scanning']", ""), Tag("Note", "\"fallback\""));
  EXPECT_FALSE(Inspect(rules).view().has_note());
  EXPECT_EQ(metrics_.fallbacks.Value(), 0);
  EXPECT_EQ(Inspect(rules, R"("Category": ["Test"])").view().note(), "fallback");
  EXPECT_EQ(metrics_.fallbacks.Value(), 1);
}

TEST_F(RuleSetTest, TheRulesAfterADropStillRun) {
  const RuleSet rules =
      Load("{\"name\": \"first\", \"rule\": \"ID\", \"actions\": [" + std::string(kDrop) + "," +
           Tag("Note", "\"after\"") + "]}," + Rule("Note == 'after'", R"({"action": "log"})"));
  Item item = Inspect(rules);
  EXPECT_EQ(item.verdict(), Item::Verdict::kDrop);
  EXPECT_EQ(item.message(), "first");
  EXPECT_EQ(Count(6, ActionResult::kDone), 1);
}

TEST_F(RuleSetTest, OfDropAndDispatchTheFirstWins) {
  {
    Item item = Inspect(Load(Rule("ID", kDrop) + "," + Rule("ID", To("dispatch", "lab"))));
    EXPECT_EQ(item.verdict(), Item::Verdict::kDrop);
    EXPECT_EQ(Count(4, ActionResult::kSkipped), 1);
  }
  Item item = Inspect(Load(Rule("ID", To("dispatch", "lab")) + "," + Rule("ID", kDrop) + "," +
                           Rule("ID", To("dispatch", "copy"))));
  EXPECT_EQ(item.verdict(), Item::Verdict::kDispatch);
  EXPECT_EQ(item.dispatch_output(), "lab");
}

TEST_F(RuleSetTest, ADispatchedEventCarriesAllChanges) {
  Item item =
      Inspect(Load(Rule("ID", To("dispatch", "lab")) + "," + Rule("ID", Tag("Note", "\"later\""))));
  EXPECT_EQ(Parsed(item.TakeWire()).note(), "later");
}

TEST_F(RuleSetTest, ACopyIsTheEventAsItWasThen) {
  Item item = Inspect(Load(Rule("ID", To("duplicate", "copy") + "," + Tag("Note", "\"one\"") + "," +
                                          To("duplicate", "lab") + "," + Tag("Note", "\"two\""))));
  EXPECT_EQ(item.verdict(), Item::Verdict::kForward);
  ASSERT_THAT(item.copies(), SizeIs(2));
  EXPECT_EQ(item.copies()[0].output, "copy");
  EXPECT_FALSE(Parsed(item.copies()[0].event).has_note());
  EXPECT_EQ(Parsed(item.copies()[1].event).note(), "one");
  EXPECT_EQ(Parsed(item.TakeWire()).note(), "two");
}

TEST_F(RuleSetTest, CopiesAreMadeBeforeADropAndNotAfterIt) {
  Item item = Inspect(
      Load(Rule("ID", To("duplicate", "copy") + "," + kDrop + "," + To("duplicate", "lab"))));
  EXPECT_EQ(item.verdict(), Item::Verdict::kDrop);
  ASSERT_THAT(item.copies(), SizeIs(1));
  EXPECT_EQ(item.copies()[0].output, "copy");
  EXPECT_EQ(Count(5, ActionResult::kSkipped), 1);
}

TEST_F(RuleSetTest, TagsKeepToOverwriteAndUnique) {
  const RuleSet rules =
      Load(Rule("ID", Tag("_Mentat.EventClass", "\"a\"", ", \"overwrite\": false") + "," +
                          Tag("_Mentat.EventClass", "\"b\"", ", \"overwrite\": false") + "," +
                          Tag("_Mentat.InspectionErrors[*]", "\"x\"", ", \"unique\": true") + "," +
                          Tag("_Mentat.InspectionErrors[*]", "\"x\"", ", \"unique\": true") + "," +
                          Tag("_Mentat.InspectionErrors[*]", "\"x\"")));
  Item item = Inspect(rules);
  EXPECT_EQ(item.view().mentat().event_class(), "a");
  EXPECT_THAT(item.view().mentat().inspection_errors(), ElementsAre("x", "x"));
  EXPECT_EQ(Count(0, ActionResult::kDone), 3);
  EXPECT_EQ(Count(0, ActionResult::kUnchanged), 2);
}

TEST_F(RuleSetTest, SetTakesWhatTheExpressionYields) {
  const RuleSet rules = Load(
      Rule("ID", Set("_Mentat.EventSubclass", "Ref") + "," + Set("Description", "Category") + "," +
                     Set("ConnCount", "2 + 3") + "," + Set("_Mentat.InspectionErrors[*]", "Ref") +
                     "," + Set("Note", "Missing") + "," + Set("EventTime", "DetectTime - 3600")));
  Item item = Inspect(
      rules, R"("Category": ["Recon.Scanning"], "Ref": ["cve:CVE-2024-1", "cve:CVE-2024-2"])");
  const idea::v1::Event& event = item.view();
  EXPECT_THAT(event.mentat().event_subclass(), ElementsAre("cve:CVE-2024-1", "cve:CVE-2024-2"));
  EXPECT_EQ(event.description(), "Recon.Scanning");
  EXPECT_EQ(event.conn_count(), 5);
  EXPECT_THAT(event.mentat().inspection_errors(), ElementsAre("cve:CVE-2024-1", "cve:CVE-2024-2"));
  EXPECT_FALSE(event.has_note());
  EXPECT_EQ(event.detect_time() - event.event_time(), int64_t{3600} * 1'000'000);
  EXPECT_EQ(Count(1, ActionResult::kUnchanged), 1);
}

TEST_F(RuleSetTest, UnsetRemoves) {
  const RuleSet rules = Load(Rule(
      "ID",
      R"({"action": "unset", "args": {"path": "Note"}}, {"action": "unset", "args": {"path": "Source[*].IP4"}})"));
  Item item =
      Inspect(rules, R"("Category": ["Test"], "Note": "x", "Source": [{"IP4": ["192.0.2.1"]}])");
  EXPECT_FALSE(item.view().has_note());
  EXPECT_THAT(item.view().source(0).ip4(), IsEmpty());
}

// Ordering a text and a number is an error of the language, and only events with the key have it.
constexpr char kFails[] = "Note > 5";
constexpr char kOdd[] = R"("Category": ["Test"], "Note": "x")";

TEST_F(RuleSetTest, ARuleThatFailsCountsAsNoMatch) {
  const RuleSet rules = Load(Rule(kFails, kDrop) + "," + Rule("ID", Tag("Description", "\"on\"")));
  Item item = Inspect(rules, kOdd);
  EXPECT_EQ(item.verdict(), Item::Verdict::kForward);
  EXPECT_EQ(item.view().description(), "on");
  const std::vector<RuleStatus> status = rules.Status();
  ASSERT_THAT(status, SizeIs(2));
  EXPECT_EQ(status[0].name, kFails);
  EXPECT_EQ(status[0].matches, 0);
  EXPECT_EQ(status[0].errors, 1);
  EXPECT_EQ(status[1].matches, 1);
  EXPECT_EQ(status[1].errors, 0);
}

TEST_F(RuleSetTest, ARuleThatFailsRejectsIfConfigured) {
  const RuleSet rules = Load(Rule(kFails, kDrop) + "," + Rule("ID", Tag("Description", "\"on\"")),
                             "", OnError::kReject);
  Item item = Inspect(rules, kOdd);
  EXPECT_EQ(item.verdict(), Item::Verdict::kReject);
  EXPECT_EQ(item.reason(), pipeline::v1::REASON_FAILED);
  EXPECT_THAT(item.message(), HasSubstr("rule \"Note > 5\""));
  EXPECT_EQ(item.rejecting_rule(), "Note > 5");
  EXPECT_FALSE(item.view().has_description());
  EXPECT_EQ(Inspect(rules).verdict(), Item::Verdict::kForward);
}

TEST_F(RuleSetTest, AnActionThatFailsIsPassedOver) {
  const std::string rule = Rule("ID", Set("ConnCount", "Note") + "," + To("dispatch", "lab"));
  {
    Item item = Inspect(Load(rule), kOdd);
    EXPECT_EQ(item.verdict(), Item::Verdict::kDispatch);
    EXPECT_EQ(Count(1, ActionResult::kFailed), 1);
  }
  Item item = Inspect(Load(rule, "", OnError::kReject), kOdd);
  EXPECT_EQ(item.verdict(), Item::Verdict::kReject);
  EXPECT_THAT(item.message(), HasSubstr("action 1 (set)"));
}

TEST_F(RuleSetTest, CountsOutliveTheSet) {
  const std::string rule = Rule("ID", "");
  { Inspect(Load(rule)); }
  const RuleSet again = Load(rule);
  Inspect(again);
  EXPECT_EQ(again.Status()[0].matches, 2);
}

TEST_F(RuleSetTest, RulesBeyondTheBoundShareOneCounter) {
  for (size_t i = 0; i < Metrics::kMaxRuleNames; ++i) metrics_.ForRule(std::to_string(i));
  EXPECT_EQ(metrics_.ForRule("one more").matches, metrics_.ForRule("other").matches);
  EXPECT_NE(metrics_.ForRule("0").matches, metrics_.ForRule("other").matches);
}

}  // namespace
}  // namespace mentat::inspector
