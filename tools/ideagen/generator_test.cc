#include "tools/ideagen/generator.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/idea/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tools/ideagen/bad.h"
#include "tools/ideagen/scenarios.h"

namespace mentat::ideagen {
namespace {

GeneratorOptions Options(uint64_t seed, double bad_share = 0) {
  GeneratorOptions options;
  options.seed = seed;
  options.bad_share = bad_share;
  options.now = [] { return int64_t{1700000000}; };
  return options;
}

TEST(GeneratorTest, SameSeedSameEvents) {
  Generator a(Options(7, 0.1));
  Generator b(Options(7, 0.1));
  Generator other(Options(8, 0.1));
  for (int i = 0; i < 500; ++i) {
    const GeneratedEvent event = a.Next();
    EXPECT_EQ(event.json, b.Next().json);
    EXPECT_NE(event.id, other.Next().id);
  }
}

TEST(GeneratorTest, EventsHaveTheMandatoryKeysAndUniqueIds) {
  GeneratorOptions options = Options(1);
  options.prefix = "run-3.";
  Generator generator(options);
  std::set<std::string> ids;
  int with_ip6 = 0;
  int with_relay = 0;
  for (int i = 0; i < 5000; ++i) {
    const GeneratedEvent event = generator.Next();
    EXPECT_FALSE(event.bad);
    EXPECT_TRUE(ids.insert(event.id).second);
    EXPECT_EQ(event.json.find('\n'), std::string::npos);
    const auto json = nlohmann::json::parse(event.json);
    EXPECT_EQ(json["Format"], "IDEA0");
    EXPECT_EQ(json["ID"], event.id);
    EXPECT_THAT(event.id, testing::StartsWith("run-3."));
    EXPECT_THAT(json["DetectTime"].get<std::string>(), testing::StartsWith("2023-11-14T22:1"));
    EXPECT_TRUE(json["Category"].is_array());
    EXPECT_TRUE(json["Source"][0].is_object()) << event.json;
    with_ip6 += json["Source"][0].contains("IP6");
    with_relay += json["Node"].size() > 1;
  }
  EXPECT_GT(with_ip6, 100);
  EXPECT_GT(with_relay, 100);
}

TEST(GeneratorTest, EveryClassTurnsUp) {
  std::set<std::string> expected;
  for (const Scenario& scenario : Scenarios()) expected.emplace(scenario.event_class);
  EXPECT_EQ(expected.size(), 32);  // 31 classes, and none

  Generator generator(Options(3));
  std::set<std::string> seen;
  for (int i = 0; i < 20000; ++i) seen.emplace(generator.Next().event_class);
  EXPECT_EQ(seen, expected);
}

TEST(GeneratorTest, EveryScenarioNamesKnownDetectors) {
  std::set<std::string> known;
  for (const Detector& detector : Detectors()) known.emplace(detector.name);
  for (const Scenario& scenario : Scenarios()) {
    EXPECT_FALSE(scenario.detectors.empty());
    for (const auto& name : scenario.detectors) EXPECT_TRUE(known.contains(std::string(name)));
  }
}

TEST(GeneratorTest, BadEventsAreOfAllKindsAndKnownByTheirId) {
  Generator generator(Options(5, 0.5));
  std::map<std::string, int> kinds;
  int bad = 0;
  for (int i = 0; i < 4000; ++i) {
    const GeneratedEvent event = generator.Next();
    EXPECT_EQ(event.bad, event.id.starts_with("bad-")) << event.id;
    if (!event.bad) continue;
    ++bad;
    ++kinds[event.id.substr(4, event.id.find('-', 4) - 4)];
  }
  EXPECT_NEAR(bad, 2000, 200);
  EXPECT_EQ(kinds.size(), BadKinds().size());
}

TEST(GeneratorTest, TheCodecAcceptsTheGoodAndRefusesTheBad) {
  Generator generator(Options(11, 0.3));
  for (int i = 0; i < 5000; ++i) {
    const GeneratedEvent generated = generator.Next();
    idea::v1::Event event;
    std::vector<idea::Problem> problems;
    std::vector<idea::Problem> warnings;
    EXPECT_EQ(idea::ParseEvent(generated.json, {}, &event, &problems, &warnings), !generated.bad)
        << generated.json << "\n"
        << idea::Describe(problems);
    EXPECT_TRUE(generated.bad || warnings.empty()) << generated.json << idea::Describe(warnings);
  }
}

TEST(GeneratorTest, NoEmptyEventsWhereALineIsAnEvent) {
  GeneratorOptions options = Options(5, 1);
  options.allow_empty = false;
  Generator generator(options);
  for (int i = 0; i < 2000; ++i) EXPECT_NE(generator.Next().json, "");
}

}  // namespace
}  // namespace mentat::ideagen
