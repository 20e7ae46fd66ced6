#include "services/inspector/rule_loader.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::inspector {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

const LoadOptions& Options() {
  static const auto& options = *new LoadOptions{
      .outputs = {"default", "lab"},
      .queues = {{"/var/mentat/spool/lab/incoming", "lab"}},
  };
  return options;
}

LoadResult Parse(std::string_view text) { return ParseRules(text, "r.json", Options()); }

// One rule around these actions.
LoadResult ParseActions(std::string_view actions) {
  return Parse("{\"inspection_rules\": [{\"name\": \"r\", \"rule\": \"ID\", \"actions\": [" +
               std::string(actions) + "]}]}");
}

std::vector<std::string> Formatted(const std::vector<Finding>& findings) {
  std::vector<std::string> texts;
  for (const Finding& finding : findings) texts.push_back(finding.Format());
  return texts;
}

template <typename T>
const T& Get(const Action& action) {
  return std::get<T>(action.what);
}

TEST(RuleLoader, ReadsTheReferenceExample) {
  const LoadResult result = Parse(R"(
# first stage
{
    # whole-line comments of both kinds
    // are left out
    "queue_out_dir": "mentat-enricher.py",
    "inspection_rules": [
        {
            "name": "no detector name",
            "rule": "not Node.Name",
            "actions": [
                {"action": "tag", "args": {"path": "_CESNET.InspectionErrors[*]", "value": "detector unknown", "unique": true}},
                {"action": "log", "args": {"label": "unnamed detector"}}
            ]
        },
        {
            "name": "lab traffic",
            "rule": "Category in ['Test'] and Node.Name in ['org.example.lab']",
            "final": true,
            "actions": [{"action": "dispatch", "args": {"queue_tgt": "/var/mentat/spool/lab/incoming/"}}]
        },
        {
            "name": "printer scan",
            "rule": "Category in ['Recon.Scanning'] and Target.Port in [9100]",
            "actions": [
                {"action": "tag", "args": {"path": "_CESNET.EventClass", "value": "recon-printer", "overwrite": false}},
                {"action": "report", "enabled": false, "args": {"to": "soc@example.org", "from": "mentat@example.org",
                                                                 "subject": "printer scan", "report_type": "alert"}}
            ]
        }
    ],
    "fallback_actions": [{"action": "log", "args": {"label": "not classified"}}]
}
)");
  EXPECT_THAT(Formatted(result.errors), IsEmpty());
  EXPECT_THAT(Formatted(result.warnings),
              ElementsAre("r.json:6: queue_out_dir: belongs to the original's daemon and means "
                          "nothing here"));
  ASSERT_THAT(result.rules.rules, SizeIs(3));
  const Rule& named = result.rules.rules[0];
  EXPECT_EQ(named.name, "no detector name");
  EXPECT_FALSE(named.final);
  ASSERT_THAT(named.actions, SizeIs(2));
  EXPECT_TRUE(Get<TagAction>(named.actions[0]).setter.options().unique);
  EXPECT_TRUE(Get<TagAction>(named.actions[0]).setter.options().overwrite);
  EXPECT_EQ(Get<LogAction>(named.actions[1]).label, "unnamed detector");
  EXPECT_EQ(Get<LogAction>(named.actions[1]).level, log::Level::kWarning);
  EXPECT_TRUE(result.rules.rules[1].final);
  EXPECT_EQ(Get<DispatchAction>(result.rules.rules[1].actions[0]).output, "lab");
  ASSERT_THAT(result.rules.rules[2].actions, SizeIs(1));
  EXPECT_FALSE(Get<TagAction>(result.rules.rules[2].actions[0]).setter.options().overwrite);
  EXPECT_THAT(result.rules.fallback, SizeIs(1));
}

TEST(RuleLoader, TheExpressionIsTheNameOfANamelessRule) {
  const LoadResult result =
      Parse(R"({"inspection_rules": [{"rule": "not Node.Name", "actions": []}]})");
  EXPECT_THAT(Formatted(result.errors), IsEmpty());
  ASSERT_THAT(result.rules.rules, SizeIs(1));
  EXPECT_EQ(result.rules.rules[0].name, "not Node.Name");
}

TEST(RuleLoader, TellsAllThatIsWrongAtOnce) {
  const LoadResult result = Parse(R"({
  "inspection_rulez": [],
  "inspection_rules": [
    {
      "name": "one",
      "rule": "Target.Port in [22,",
      "finall": true,
      "actions": [
        {"action": "tagg"},
        {"action": "tag", "args": {"path": "A B", "value": 1}},
        {"action": "dispatch", "args": {"output": "labb"}}
      ]
    },
    {"name": "two", "rule": "ID", "enabled": "yes", "actions": {}},
    5
  ]
})");
  EXPECT_THAT(
      Formatted(result.errors),
      ::testing::UnorderedElementsAre(
          "r.json:2: inspection_rulez: is not a known key (did you mean \"inspection_rules\"?)",
          AllOf(StartsWith("r.json:6: rule 1 \"one\", rule: parse:"), HasSubstr("line 1"),
                HasSubstr("^")),
          "r.json:7: rule 1 \"one\", finall: is not a known key (did you mean \"final\"?)",
          AllOf(StartsWith("r.json:9: rule 1 \"one\", action 1, action: \"tagg\" is not a known "
                           "action (did you mean \"tag\"?)"),
                HasSubstr("duplicate")),
          StartsWith("r.json:10: rule 1 \"one\", action 2 (tag), args.path: "),
          "r.json:11: rule 1 \"one\", action 3 (dispatch), args.output: the stage has no output "
          "\"labb\" (did you mean \"lab\"?); it has: default, lab",
          "r.json:14: rule 2 \"two\", enabled: got the text \"yes\", expected true or false",
          "r.json:14: rule 2 \"two\", actions: got an object, expected a list",
          "r.json:15: rule 3: got the number 5, expected an object"));
}

TEST(RuleLoader, ASyntaxErrorHasItsLine) {
  const LoadResult result = Parse("# c\n{\n  \"inspection_rules\": [,]\n}");
  ASSERT_THAT(result.errors, SizeIs(1));
  EXPECT_THAT(result.errors[0].Format(), HasSubstr("line 3"));
}

TEST(RuleLoader, MissingKeysAreNamed) {
  EXPECT_THAT(Formatted(Parse(R"({"inspection_rules": [{"name": "r"}]})").errors),
              ElementsAre("r.json:1: rule 1 \"r\", rule: is missing",
                          "r.json:1: rule 1 \"r\", actions: is missing"));
  EXPECT_THAT(Formatted(ParseActions(R"({"action": "tag"}, {"action": "dispatch"},
                                        {"action": "set", "args": {"path": "Note"}}, {})")
                            .errors),
              ElementsAre(HasSubstr("action 1 (tag), args.path: is missing"),
                          HasSubstr("action 1 (tag), args.value: is missing"),
                          HasSubstr("action 2 (dispatch), args.output: is missing"),
                          HasSubstr("action 3 (set), args.expression: is missing"),
                          HasSubstr("action 4, action: is missing")));
}

TEST(RuleLoader, AKeyMustNotStandTwice) {
  EXPECT_THAT(
      Formatted(
          Parse(R"({"inspection_rules": [{"rule": "ID", "rule": "Note", "actions": []}]})").errors),
      ElementsAre(HasSubstr("rule: stands here a second time")));
}

TEST(RuleLoader, ATagThatNoEventCanTakeIsRefused) {
  EXPECT_THAT(Formatted(ParseActions(
                            R"({"action": "tag", "args": {"path": "DetectTime", "value": "soon"}})")
                            .errors),
              ElementsAre(HasSubstr("args.value")));
  EXPECT_THAT(
      Formatted(ParseActions(
                    R"({"action": "tag", "args": {"path": "_Mentat.EventClass[*]", "value": "x"}})")
                    .errors),
      ElementsAre(HasSubstr("args.value")));
}

TEST(RuleLoader, MailIsRefusedUnlessSwitchedOff) {
  EXPECT_THAT(Formatted(ParseActions(R"({"action": "report", "args": {"to": "x@y"}})").errors),
              ElementsAre(HasSubstr("sends mail")));
  EXPECT_THAT(
      Formatted(ParseActions(R"({"action": "report", "enabled": false, "args": {}})").errors),
      IsEmpty());
}

TEST(RuleLoader, AnUnknownQueueSaysWhatToDo) {
  EXPECT_THAT(
      Formatted(ParseActions(R"({"action": "duplicate", "args": {"queue_tgt": "/else"}})").errors),
      ElementsAre(AllOf(HasSubstr("args.queue_tgt"), HasSubstr("under queues"))));
  EXPECT_THAT(
      Formatted(ParseActions(
                    R"({"action": "duplicate", "args": {"queue_tgt": "/else", "output": "lab"}})")
                    .errors),
      ElementsAre(HasSubstr("beside output")));
}

TEST(RuleLoader, WhatIsWrongWithADisabledRuleIsAWarning) {
  const LoadResult result = Parse(R"({"inspection_rules": [
    {"name": "off", "enabled": false, "rule": "(", "actions": []},
    {"name": "on", "rule": "ID", "actions": [{"action": "tag", "enabled": false}]}
  ]})");
  EXPECT_THAT(Formatted(result.errors), IsEmpty());
  EXPECT_THAT(Formatted(result.warnings),
              ElementsAre(HasSubstr("rule 1 \"off\", rule: parse"), HasSubstr("args.path"),
                          HasSubstr("args.value")));
  ASSERT_THAT(result.rules.rules, SizeIs(1));
  EXPECT_THAT(result.rules.rules[0].actions, IsEmpty());
}

TEST(RuleLoader, ASetWithoutARuleIsRefused) {
  EXPECT_THAT(Formatted(Parse("{}").errors), ElementsAre(HasSubstr("not one enabled rule")));
  EXPECT_THAT(
      Formatted(Parse(R"({"inspection_rules": [{"rule": "ID", "enabled": false, "actions": []}]})")
                    .errors),
      ElementsAre(HasSubstr("not one enabled rule")));
}

TEST(RuleLoader, TrapsOfTheLanguageAreWarnings) {
  const LoadResult result = Parse(R"({"inspection_rules": [{"name": "r",
      "rule": "40 < ConnCount",
      "actions": [{"action": "set", "args": {"path": "Note", "expression": "ID $"}}]}]})");
  EXPECT_THAT(Formatted(result.errors), IsEmpty());
  EXPECT_THAT(
      Formatted(result.warnings),
      ElementsAre("r.json:2: rule 1 \"r\", rule: line 1, column 4: a constant on the left changes "
                  "places with `ConnCount`: this is read as `ConnCount < 40`\n"
                  "  40 < ConnCount\n"
                  "     ^",
                  AllOf(StartsWith("r.json:3: rule 1 \"r\", action 1 (set), expression: line 1, "
                                   "column 4: `$` means nothing"),
                        testing::EndsWith("\n  ID $\n     ^"))));
}

TEST(RuleLoader, RulesOfOneNameAreAWarning) {
  const LoadResult result = Parse(
      R"({"inspection_rules": [{"rule": "ID", "actions": []}, {"rule": "ID", "actions": []}]})");
  EXPECT_THAT(Formatted(result.errors), IsEmpty());
  EXPECT_THAT(Formatted(result.warnings), ElementsAre(HasSubstr("name of an earlier rule")));
}

TEST(RuleLoader, ANameThatIsTooLongIsRefused) {
  EXPECT_THAT(Formatted(Parse("{\"inspection_rules\": [{\"name\": \"" + std::string(300, 'n') +
                              "\", \"rule\": \"ID\", \"actions\": []}]}")
                            .errors),
              ElementsAre(HasSubstr("longer than 200 bytes")));
}

class RuleFiles : public ::testing::Test {
 protected:
  RuleFiles()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::create_directories(folder_);
  }
  std::string Path(std::string_view name) const { return (folder_ / name).string(); }
  void Write(std::string_view name, std::string_view rule) const {
    std::ofstream(Path(name)) << "{\"inspection_rules\": [{\"name\": \"" << rule
                              << "\", \"rule\": \"ID\", \"actions\": []}]}";
  }

  const std::filesystem::path folder_;
};

TEST_F(RuleFiles, AreReadInTheOrderOfTheirNames) {
  std::filesystem::create_directories(folder_ / "d");
  Write("first.json", "first");
  Write("d/20.json", "c");
  Write("d/10.conf", "b");
  Write("d/.hidden.json", "hidden");
  Write("d/10.json.bak", "backup");
  const LoadResult result = LoadRules({Path("first.json"), Path("d")}, Options());
  EXPECT_THAT(Formatted(result.errors), IsEmpty());
  ASSERT_THAT(result.rules.rules, SizeIs(3));
  EXPECT_EQ(result.rules.rules[0].name, "first");
  EXPECT_EQ(result.rules.rules[1].name, "b");
  EXPECT_EQ(result.rules.rules[2].name, "c");
}

TEST_F(RuleFiles, ThatAreMissingOrBrokenAreAllNamed) {
  std::ofstream(Path("broken.json")) << "{";
  Write("good.json", "good");
  const LoadResult result =
      LoadRules({Path("missing.json"), Path("broken.json"), Path("good.json")}, Options());
  EXPECT_THAT(Formatted(result.errors),
              ElementsAre(AllOf(HasSubstr("missing.json"), HasSubstr("No such file")),
                          AllOf(HasSubstr("broken.json"), HasSubstr("line 1"))));
  EXPECT_THAT(Describe(result.errors), StartsWith("2 problems:\n"));
}

}  // namespace
}  // namespace mentat::inspector
