#include "common/idea/setter.h"

#include <string>
#include <string_view>
#include <vector>

#include "common/idea/codec.h"
#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

v1::Event Parse(std::string_view members) {
  const std::string json =
      R"({"Format":"IDEA0","ID":"x","DetectTime":"2024-03-05T15:52:22Z","Category":["Test"])" +
      std::string(members) + "}";
  v1::Event event;
  std::vector<Problem> problems;
  EXPECT_TRUE(ParseEvent(json, {}, &event, &problems)) << json << Describe(problems);
  return event;
}

// Setter and Set() do the same, on all events and paths, also what fails.
TEST(SetterTest, DoesWhatSetDoes) {
  const std::vector<v1::Event> events = {
      v1::Event(),
      Parse(""),
      Parse(R"(,"Note":"a","ConnCount":3,"_Mentat":{"EventClass":"a","InspectionErrors":["a"]})"),
      Parse(R"(,"_Mentat":{"EventClass":["a"],"InspectionErrors":[],"ShadowReporting":3})"),
      Parse(R"(,"_Mentat":[1])"),
      Parse(R"(,"_Mentat":{},"AltNames":[],"Source":[{"IP4":["192.0.2.1"],"Port":[1,2]}])"),
      Parse(R"(,"ConnCount":99999999999999999999,"AltNames":["a","é"],"Other":{"Key":"a"})"),
      Parse(
          R"(,"Source":[{},{"Note":"a"}],"Confidence":0.5,"_Mentat":{"SourceResolvedASN":[1,1]})"),
  };
  const std::vector<std::string> paths = {"Note",
                                          "ConnCount",
                                          "Confidence",
                                          "EventTime",
                                          "AltNames[*]",
                                          "AltNames[1]",
                                          "AltNames[#]",
                                          "AltNames",
                                          "_Mentat.EventClass",
                                          "_Mentat.InspectionErrors[*]",
                                          "_Mentat.InspectionErrors",
                                          "_Mentat.InspectionErrors[2]",
                                          "_Mentat.ShadowReporting",
                                          "_Mentat.SourceResolvedASN[*]",
                                          "_Mentat.StorageTime",
                                          "_Mentat",
                                          "_Mentat.EventClass.Deeper",
                                          "_Mentat[*].EventClass",
                                          "_Mentat.Own",
                                          "Source[1].IP4[*]",
                                          "Source[*].Note",
                                          "Source[1].Port[*]",
                                          "Source.Note",
                                          "Other.Key",
                                          "Other",
                                          "Note[*]",
                                          "Format"};
  const std::vector<std::string> values = {R"("a")",
                                           R"("é")",
                                           R"("\u0001\"")",
                                           "1",
                                           "3.0",
                                           "0.5",
                                           "true",
                                           "null",
                                           R"(["a"])",
                                           "[]",
                                           R"({"Key":"a"})",
                                           R"("2024-03-05T15:52:22Z")",
                                           R"("192.0.2.7")",
                                           "99999999999999999999"};
  for (const std::string& path_text : paths) {
    const Path path = *Path::Parse(path_text);
    for (const std::string& text : values) {
      const v1::Value value = *ParseValue(text);
      for (int options = 0; options < 4; ++options) {
        const SetOptions how{.overwrite = (options & 1) != 0, .unique = (options & 2) != 0};
        const Setter setter(path, value, how);
        for (const v1::Event& event : events) {
          v1::Event expected = event;
          const absl::StatusOr<SetResult> expected_result = Set(&expected, path, value, how);
          v1::Event actual = event;
          const absl::StatusOr<SetResult> result = setter.Apply(&actual);
          const std::string where = path_text + " = " + text + ", options " +
                                    std::to_string(options) + ": " + PrintEvent(event);
          ASSERT_EQ(result.status(), expected_result.status()) << where;
          if (result.ok()) {
            ASSERT_EQ(*result, *expected_result) << where;
          }
          ASSERT_EQ(actual.SerializeAsString(), expected.SerializeAsString()) << where;
        }
      }
    }
  }
}

}  // namespace
}  // namespace mentat::idea
