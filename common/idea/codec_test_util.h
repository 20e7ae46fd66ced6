// What the tests of the codec share.
#ifndef COMMON_IDEA_CODEC_TEST_UTIL_H_
#define COMMON_IDEA_CODEC_TEST_UTIL_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/idea/codec.h"
#include "gtest/gtest.h"

namespace mentat::idea {

// An event of the mandatory keys and those given, which take their place: `"Note":"x"`.
inline std::string EventWith(std::string_view keys) {
  std::string json = "{";
  const std::map<std::string, std::string> mandatory = {
      {"\"Format\":", "\"IDEA0\""},
      {"\"ID\":", "\"x\""},
      {"\"DetectTime\":", "\"2024-03-05T15:52:22Z\""},
      {"\"Category\":", "[\"Test\"]"},
  };
  for (const auto& [key, value] : mandatory) {
    if (keys.substr(0, key.size()) != key) json.append(key).append(value).append(",");
  }
  json.append(keys);
  if (json.back() == ',') json.pop_back();
  return json.append("}");
}

struct Parsed {
  bool ok = false;
  v1::Event event;
  std::vector<Problem> problems;
  std::vector<Problem> warnings;
};

// Parses, and checks that what was read is printed, and read again, consistently.
inline Parsed Parse(std::string_view json, const Limits& limits = {}) {
  Parsed parsed;
  parsed.ok = ParseEvent(json, limits, &parsed.event, &parsed.problems, &parsed.warnings);
  EXPECT_EQ(parsed.ok, parsed.problems.empty());
  // The warnings make no difference.
  v1::Event event;
  std::vector<Problem> problems;
  EXPECT_EQ(ParseEvent(json, limits, &event, &problems), parsed.ok);
  if (parsed.ok) {
    EXPECT_EQ(event.SerializeAsString(), parsed.event.SerializeAsString());
    // What was printed is read as the same event, and printed the same again.
    const std::string printed = PrintEvent(event);
    v1::Event again;
    EXPECT_TRUE(ParseEvent(printed, limits, &again, &problems))
        << printed << " " << Describe(problems);
    EXPECT_EQ(PrintEvent(again), printed);
    // Protobuf can read back what it wrote.
    EXPECT_TRUE(again.ParseFromString(event.SerializeAsString()));
    EXPECT_EQ(PrintEvent(again), printed);
  }
  return parsed;
}

}  // namespace mentat::idea

#endif  // COMMON_IDEA_CODEC_TEST_UTIL_H_
