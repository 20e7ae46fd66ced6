// Events for the tests.
#ifndef SERVICES_INSPECTOR_TEST_EVENT_H_
#define SERVICES_INSPECTOR_TEST_EVENT_H_

#include <string>
#include <string_view>
#include <vector>

#include "common/idea/codec.h"
#include "common/pipeline/item.h"
#include "gtest/gtest.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::inspector {

// A valid event with these members beside the mandatory ones: `"Category": ["Test"], "Note": "x"`.
inline idea::v1::Event MakeEvent(std::string_view members,
                                 std::string_view detect_time = "2024-03-05T15:52:22Z") {
  const std::string json = R"({"Format": "IDEA0", "ID": "e1", "DetectTime": ")" +
                           std::string(detect_time) + "\", " + std::string(members) + "}";
  idea::v1::Event event;
  std::vector<idea::Problem> problems;
  EXPECT_TRUE(idea::ParseEvent(json, {}, &event, &problems)) << json << "\n"
                                                             << idea::Describe(problems);
  return event;
}

inline pipeline::Item MakeItem(const idea::v1::Event& event) {
  return pipeline::Item(event.SerializeAsString());
}

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_TEST_EVENT_H_
