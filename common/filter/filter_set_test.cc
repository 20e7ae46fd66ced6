#include "common/filter/filter_set.h"

#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/random_rules.h"
#include "common/idea/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

idea::v1::Event Parse(const std::string& json) {
  idea::v1::Event event;
  std::vector<idea::Problem> problems;
  EXPECT_TRUE(idea::ParseEvent(json, {}, &event, &problems)) << json << idea::Describe(problems);
  return event;
}

// An event with these members beside the mandatory ones.
idea::v1::Event MakeEvent(const std::string& members) {
  return Parse(R"({"Format":"IDEA0","ID":"x","DetectTime":"2024-03-05T15:52:22Z",)" + members +
               "}");
}

std::vector<Filter> Compile(const std::vector<std::string>& texts) {
  std::vector<Filter> filters;
  for (const std::string& text : texts) {
    absl::StatusOr<Filter> filter = Filter::Compile(text);
    EXPECT_TRUE(filter.ok()) << filter.status();
    filters.push_back(*std::move(filter));
  }
  return filters;
}

idea::Path PathOf(const std::string& text) { return *idea::Path::Parse(text); }

std::vector<size_t> Matching(FilterSet::Evaluation& evaluation, const idea::v1::Event& event) {
  std::vector<size_t> matching;
  evaluation.Begin(event);
  std::optional<FilterSet::Match> match = evaluation.Next(0);
  for (; match; match = evaluation.Next(match->filter + 1)) {
    EXPECT_TRUE(match->status.ok()) << match->status;
    matching.push_back(match->filter);
  }
  return matching;
}

std::vector<size_t> Matching(const std::vector<std::string>& filters, const std::string& members) {
  const FilterSet set(Compile(filters));
  FilterSet::Evaluation evaluation(set);
  return Matching(evaluation, MakeEvent(members));
}

TEST(FilterSetTest, FindsWhatIsTrueInOrder) {
  EXPECT_THAT(Matching({"Category in ['Test', 'Other']", "Category == 'Other'", "ConnCount > 5",
                        "Category == 'Test' and ConnCount == 10", "not Source", "'always'"},
                       R"("Category":["Test"],"ConnCount":10)"),
              ElementsAre(0, 2, 3, 4, 5));
}

TEST(FilterSetTest, AnEvaluationIsGoodForManyEvents) {
  const FilterSet set(Compile({"Category == 'Test' or Note == 'a'", "not Note", "Note == 'a'"}));
  FilterSet::Evaluation evaluation(set);
  EXPECT_THAT(Matching(evaluation, MakeEvent(R"("Category":["Test"])")), ElementsAre(0, 1));
  EXPECT_THAT(Matching(evaluation, MakeEvent(R"("Category":["Other"])")), ElementsAre(1));
  EXPECT_THAT(Matching(evaluation, MakeEvent(R"("Category":["Other"],"Note":"a")")),
              ElementsAre(0, 2));
  EXPECT_THAT(Matching(evaluation, MakeEvent(R"("Category":["Other"],"Note":"b")")), IsEmpty());
}

TEST(FilterSetTest, KnowsAllKindsOfConstants) {
  EXPECT_THAT(
      Matching(
          {"Source.IP4 in [192.0.2.0/24]", "Source.IP4 in [192.0.2.0/30, 10.0.0.0/8]",
           "Source.IP4 == 192.0.2.0/30", "Source.IP6 in [2001:db8::/32]", "Target.Port in [22, 80]",
           "Target.Port == 80.0", "EventTime == 2024-03-05T00:00:00Z", "Note like 'b.d'",
           "Note like ['x', '^a']", "Note like 'd'", "Note like 'x'", "Target.Spoofed == 1"},
          R"("Category":["Test"],"Source":[{"IP4":["192.0.2.0/30"],"IP6":["2001:db8::1"]}],
                  "Target":[{"Port":[443,80],"Spoofed":true}],"EventTime":"2024-03-05T00:00:00Z",
                  "Note":"abcd")"),
      ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11));
}

TEST(FilterSetTest, AFailureIsThatOfTheFilterAlone) {
  const std::vector<Filter> filters =
      Compile({"Category == 'Other' and Note > 5", "Note > 5", "(Note > 5) or ID"});
  const idea::v1::Event event = MakeEvent(R"("Category":["Test"],"Note":"a")");
  const FilterSet set(filters);
  FilterSet::Evaluation evaluation(set);
  evaluation.Begin(event);
  for (size_t i = 0; i < filters.size(); ++i) {
    const std::optional<FilterSet::Match> match = evaluation.Next(i);
    ASSERT_TRUE(match);
    EXPECT_EQ(match->filter, i);
    EXPECT_EQ(match->status, filters[i].Matches(event).status());
    EXPECT_THAT(std::string(match->status.message()), HasSubstr("line 1"));
  }
}

TEST(FilterSetTest, AnEmptySetMatchesNothing) {
  EXPECT_THAT(Matching(std::vector<std::string>{}, R"("Category":["Test"])"), IsEmpty());
}

TEST(FilterSetTest, FiltersWithClocksOfTheirOwnShareNone) {
  std::vector<Filter> filters;
  for (const int64_t now : {int64_t{0}, int64_t{4'000'000'000'000'000}}) {
    filters.push_back(*Filter::Compile("DetectTime < utcnow()", {}, [now] { return now; }));
  }
  const FilterSet set(std::move(filters));
  FilterSet::Evaluation evaluation(set);
  EXPECT_THAT(Matching(evaluation, MakeEvent(R"("Category":["Test"])")), ElementsAre(1));
}

TEST(FilterSetTest, FiltersWithFunctionsOfTheirOwnShareNone) {
  std::vector<Filter> filters;
  for (const bool answer : {false, true}) {
    FunctionTable functions;
    ASSERT_TRUE(functions
                    .Register("answer", [answer](const Value*,
                                                 const Clock&) { return Value::Boolean(answer); })
                    .ok());
    filters.push_back(*Filter::Compile("answer(ID)", {}, SystemClockMicros, functions));
  }
  const FilterSet set(std::move(filters));
  FilterSet::Evaluation evaluation(set);
  EXPECT_THAT(Matching(evaluation, MakeEvent(R"("Category":["Test"])")), ElementsAre(1));
}

TEST(FilterSetTest, ChangesAreSeen) {
  const FilterSet set(
      Compile({"Category == 'Test'", "not Note", "Note == 'a'", "Category and (ID or Note)",
               "Note like 'a' and not (Category and (ID or Note)) or Note == 'b'"}),
      {PathOf("Note"), PathOf("Category[*]")});
  FilterSet::Evaluation evaluation(set);
  idea::v1::Event event = MakeEvent(R"("Category":["Test"])");
  evaluation.Begin(event);
  EXPECT_EQ(evaluation.Next(0)->filter, 0);
  event.set_note("a");
  evaluation.Changed(0);
  EXPECT_EQ(evaluation.Next(1)->filter, 2);
  EXPECT_EQ(evaluation.Next(3)->filter, 3);
  event.set_note("b");
  evaluation.Changed(0);
  EXPECT_EQ(evaluation.Next(4)->filter, 4);
}

// --- against each filter alone, on random filters, events and changes ---

const std::vector<std::pair<std::string, std::string>>& Changes() {
  static const auto& changes = *new std::vector<std::pair<std::string, std::string>>{
      {"Category[*]", "\"Test\""},
      {"Category[1]", "\"Other\""},
      {"ConnCount", "42"},
      {"Description", "\"abc\""},
      {"Custom", "\"abc\""},
      {"Custom", "[1, \"abc\"]"},
      {"Missing[*]", "1"},
      {"Source[*].IP4[*]", "\"10.0.0.5\""},
      {"Source[1].Port[#]", "22"},
      {"Source[*].Note", "\"abc\""},
      {"Target[9].Hostname[*]", "\"Test\""},
      {"Target[1].Spoofed", "true"},
      {"Node[1].Name", "\"cz.abc\""},
      {"_CESNET.EventClass", "\"abc\""},
      {"_Mentat.EventClass", "\"abc\""},
      {"EventTime", "\"2024-03-05T15:52:22Z\""},
  };
  return changes;
}

const std::vector<std::string>& Removals() {
  static const auto& removals =
      *new std::vector<std::string>{"Category", "Source",    "Source[1]", "Target.Port",
                                    "Custom",   "ConnCount", "_CESNET",   "Description"};
  return removals;
}

class RandomSet {
 public:
  explicit RandomSet(unsigned seed) : random_(seed), rules_(seed) {
    for (const auto& [path, value] : Changes()) paths_.push_back(PathOf(path));
    for (const std::string& path : Removals()) paths_.push_back(PathOf(path));
  }

  size_t Number(size_t below) { return random_() % below; }
  RandomRules& rules() { return rules_; }
  const std::vector<idea::Path>& paths() const { return paths_; }

  std::vector<Filter> Filters(size_t count) {
    std::vector<std::string> parts;
    for (int i = 0; i < 6; ++i) parts.push_back("(" + rules_.Expression(i % 2) + ")");
    std::vector<Filter> filters;
    while (filters.size() < count) {
      std::string text = rules_.Expression(static_cast<int>(Number(3)));
      if (Number(2) == 0) text = parts[Number(parts.size())] + " and (" + text + ")";
      if (Number(2) == 0) text = "(" + text + ") or " + parts[Number(parts.size())];
      // The time stands still, so that both sides see the same.
      absl::StatusOr<Filter> filter =
          text.find("utcnow") == std::string::npos
              ? Filter::Compile(text)
              : Filter::Compile(text, {}, [] { return int64_t{1'709'653'942'000'000}; });
      if (filter.ok()) filters.push_back(*std::move(filter));
    }
    return filters;
  }

  // Does the change with that number, as far as the event allows it.
  void Change(size_t number, idea::v1::Event* event) const {
    if (number >= Changes().size()) return (void)idea::Unset(event, paths_[number]);
    const idea::v1::Value value = *idea::ParseValue(Changes()[number].second);
    (void)idea::Set(event, paths_[number], value);
  }

 private:
  std::mt19937 random_;
  RandomRules rules_;
  std::vector<idea::Path> paths_;
};

TEST(FilterSetTest, AgreesWithEachFilterAloneAlsoAfterChanges) {
  constexpr unsigned kSeed = 20240305;
  RandomSet random(kSeed);
  size_t matches = 0;
  size_t failures = 0;
  size_t looked_at = 0;
  for (int round = 0; round < 120; ++round) {
    const std::vector<Filter> filters = random.Filters(1 + random.Number(90));
    const FilterSet set(filters, random.paths());
    FilterSet::Evaluation evaluation(set);
    for (int i = 0; i < 12; ++i) {
      idea::v1::Event event = Parse(random.rules().Event());
      const bool changes = i % 3 != 0;
      evaluation.Begin(event);
      std::optional<FilterSet::Match> match = evaluation.Next(0);
      for (size_t k = 0; k < filters.size(); ++k) {
        const absl::StatusOr<bool> alone = filters[k].Matches(event);
        const bool found = match && match->filter == k;
        ASSERT_EQ(found, !alone.ok() || *alone) << filters[k].text() << "\n"
                                                << alone.status() << "\n"
                                                << idea::PrintEvent(event);
        ++looked_at;
        if (!found) continue;
        ASSERT_EQ(match->status, alone.status()) << filters[k].text();
        ++(alone.ok() ? matches : failures);
        for (size_t n = changes ? random.Number(3) : 0; n > 0; --n) {
          const size_t change = random.Number(random.paths().size());
          random.Change(change, &event);
          evaluation.Changed(change);
        }
        match = evaluation.Next(k + 1);
      }
      ASSERT_FALSE(match);
    }
  }
  // The sets are no formality.
  EXPECT_GT(looked_at, 30'000);
  EXPECT_GT(matches, looked_at / 10);
  EXPECT_LT(matches, looked_at * 9 / 10);
  EXPECT_GT(failures, looked_at / 20);
}

}  // namespace
}  // namespace mentat::filter
