// An event as JSON text: what is accepted is printed in one way only, and is the same event when it
// is read back, from JSON as from protobuf.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/idea/codec.h"
#include "tests/fuzz/require.h"

namespace idea = mentat::idea;
using mentat::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  idea::v1::Event event;
  std::vector<idea::Problem> problems;
  std::vector<idea::Problem> warnings;
  const bool valid = idea::ParseEvent(json, {}, &event, &problems, &warnings);
  Require(valid == problems.empty(), "an event is valid if there is no problem");
  if (valid) {
    const std::string printed = idea::PrintEvent(event);
    idea::v1::Event again;
    Require(idea::ParseEvent(printed, {}, &again, &problems), "what was printed is valid",
            idea::Describe(problems));
    Require(idea::PrintEvent(again) == printed, "what was printed is printed the same again",
            printed);
    const std::string wire = event.SerializeAsString();
    Require(again.ParseFromString(wire), "what was serialised can be read");
    Require(again.SerializeAsString() == wire, "what was serialised is serialised the same again");
    Require(idea::PrintEvent(again) == printed, "protobuf loses nothing", printed);
  }

  const auto value = idea::ParseValue(json);
  Require(!valid || value.ok(), "an event is a JSON value");
  if (value.ok()) {
    const std::string printed = idea::PrintValue(*value);
    const auto again = idea::ParseValue(printed);
    Require(again.ok() && idea::PrintValue(*again) == printed, "values are kept exactly", printed);
  }
  return 0;
}
