// The predicates and the evaluator are of the same opinion on random rules and events.
#include <string>
#include <vector>

#include "common/filter/filter.h"
#include "common/filter/random_rules.h"
#include "common/idea/codec.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

TEST(AgreementTest, OnRandomRulesAndEvents) {
  constexpr unsigned kSeed = 20240305;
  static constexpr int64_t kNow = 1'709'653'942'000'000;  // when the events were detected
  RandomRules generator(kSeed);
  std::vector<idea::v1::Event> events(40);
  for (idea::v1::Event& event : events) {
    std::vector<idea::Problem> problems;
    const std::string json = generator.Event();
    ASSERT_TRUE(idea::ParseEvent(json, {}, &event, &problems)) << json << idea::Describe(problems);
  }
  int compiled = 0;
  int truths = 0;
  int values = 0;
  for (int i = 0; i < 15'000; ++i) {
    const std::string text = generator.Expression(i % 3);
    const absl::StatusOr<Filter> filter = Filter::Compile(text, {}, [] { return kNow; });
    if (!filter.ok()) continue;
    ++compiled;
    for (int k = 0; k < 4; ++k) {
      const idea::v1::Event& event = events[(i * 7 + k) % events.size()];
      const absl::StatusOr<Value> value = filter->Evaluate(event);
      const absl::StatusOr<bool> matches = filter->Matches(event);
      ASSERT_EQ(matches.status(), value.status()) << text << "\n" << idea::PrintEvent(event);
      if (!value.ok()) continue;
      ASSERT_EQ(*matches, value->Truth()) << text << "\n" << idea::PrintEvent(event);
      ++values;
      truths += *matches;
    }
  }
  // The rules are no formality.
  EXPECT_GT(compiled, 2'000);
  EXPECT_GT(values, 4'000);
  EXPECT_GT(truths, values / 10);
  EXPECT_LT(truths, values * 9 / 10);
}

}  // namespace
}  // namespace mentat::filter
