#include "tools/mentatctl/filter_input.h"

#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::mentatctl {
namespace {

using Output = FilterOptions::Output;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr char kEvents[] =
    "{\"Format\":\"IDEA0\", \"ID\":\"a\",\"DetectTime\":\"2024-03-05T15:52:22Z\","
    "\"Category\":[\"Test\"],\"ConnCount\":42}\n"
    "\n"
    "{\"Format\":\"IDEA0\",\"ID\":\"b\",\"DetectTime\":\"2024-03-05T15:52:22Z\","
    "\"Category\":[\"Other\"]}";

struct Result {
  int status;
  std::string out;
  std::string err;
};

Result RunFilter(const FilterOptions& options, const std::string& input) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const int status = FilterInput(options, in, out, err);
  return {status, out.str(), err.str()};
}

TEST(FilterInputTest, PrintsTheEventsThatMatchUnchanged) {
  const Result result = RunFilter({.expression = "Category in ['Test']"}, kEvents);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, std::string(kEvents).substr(0, std::string(kEvents).find('\n') + 1));
  EXPECT_THAT(result.err, IsEmpty());
}

TEST(FilterInputTest, Counts) {
  EXPECT_EQ(RunFilter({.expression = "ID", .output = Output::kCount}, kEvents).out, "2\n");
}

TEST(FilterInputTest, PrintsValues) {
  EXPECT_EQ(RunFilter({.expression = "ConnCount", .output = Output::kValue}, kEvents).out,
            "{\"value\":[42],\"truth\":true}\n{\"value\":[],\"truth\":false}\n");
  EXPECT_EQ(RunFilter({.expression = "DetectTime - 3600", .output = Output::kValue}, "{}").out,
            "{\"value\":null,\"truth\":false}\n");
  EXPECT_THAT(
      RunFilter({.expression = "DetectTime", .output = Output::kValue}, kEvents).out,
      StartsWith("{\"value\":[{\"datetime\":\"2024-03-05T15:52:22.000000Z\"}],\"truth\":true}"));
}

TEST(FilterInputTest, ReportsABadExpressionForEachEventWithValue) {
  const Result result =
      RunFilter({.expression = "ConnCount ==", .output = Output::kValue}, kEvents);
  const std::string line =
      "{\"error\":{\"stage\":\"parse\",\"message\":\"line 1, column 13: expected a value: a "
      "literal, "
      "a name, a call, a list, or an expression in parentheses; found the end of the rule\"}}\n";
  EXPECT_EQ(result.out, line + line);
  EXPECT_EQ(result.status, 0);
}

TEST(FilterInputTest, ReportsABadExpressionOnce) {
  const Result result = RunFilter({.expression = "::1"}, kEvents);
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err,
              AllOf(StartsWith("compile: line 1, column 1: "), HasSubstr("\n  ::1\n  ^")));
}

TEST(FilterInputTest, ReportsErrorsOfEvaluation) {
  const Result result = RunFilter({.expression = "ConnCount > 'x'"}, kEvents);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("event 1: eval: line 1, column 11: "));
  EXPECT_EQ(
      RunFilter({.expression = "ConnCount > 'x'", .output = Output::kValue}, "{\"ConnCount\":1}")
          .out,
      "{\"error\":{\"stage\":\"eval\",\"message\":\"line 1, column 11: `>` has no meaning "
      "between number and text\"}}\n");
}

TEST(FilterInputTest, ReportsEventsThatAreNone) {
  const Result result =
      RunFilter({.expression = "ID", .output = Output::kValue}, "{\"ConnCount\":[]}\n7\n");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out,
              AllOf(StartsWith("{\"error\":{\"stage\":\"event\""), HasSubstr("ConnCount")));
  EXPECT_EQ(RunFilter({.expression = "ID"}, "{").status, 1);
}

TEST(FilterInputTest, WarnsOfTraps) {
  EXPECT_THAT(RunFilter({.expression = "40 < ConnCount"}, kEvents).err,
              AllOf(StartsWith("warning: line 1, column 4: "), HasSubstr("`ConnCount < 40`")));
}

TEST(FilterInputTest, Explains) {
  EXPECT_EQ(RunFilter({.expression = "ConnCount > 40 and ID == 'x'", .output = Output::kExplain},
                      "{\"ConnCount\":42,\"ID\":\"y\"}")
                .out,
            "event 1\n"
            "* ConnCount > 40 and ID == 'x'  =>  false\n"
            "    ConnCount > 40  =>  true\n"
            "      ConnCount  =>  [42]\n"
            "*   ID == 'x'  =>  false\n"
            "      ID  =>  [\"y\"]\n");
}

TEST(FilterInputTest, Formats) {
  const Result line = RunFilter({.expression = "40<ConnCount", .output = Output::kFormat}, "");
  EXPECT_EQ(line.out, "40 < ConnCount\n");
  EXPECT_THAT(line.err, HasSubstr("warning: line 1, column 3: "));
  EXPECT_EQ(line.status, 0);
  EXPECT_EQ(RunFilter({.output = Output::kFormat}, "ID\nOR\n\n  Note\n").out, "ID or Note\n");
  EXPECT_EQ(RunFilter({.expression = "::1", .output = Output::kFormat}, "").status, 2);
  EXPECT_EQ(RunFilter({.expression = "::1", .raw = true, .output = Output::kFormat}, "").out,
            "::1\n");
  const Result comment = RunFilter({.output = Output::kFormat}, "ID\n#\nor Note");
  EXPECT_EQ(comment.status, 2);
  EXPECT_THAT(comment.err, StartsWith("parse: line 2, column 1: this means nothing here"));
  EXPECT_THAT(comment.err, testing::EndsWith("\n  #\n  ^\n"));
}

TEST(FilterInputTest, RunsCases) {
  const Result result =
      RunFilter({.cases = true},
                "{\"expr\":\"50 - ConnCount\",\"event\":{\"ConnCount\":42}}\n"
                "{\"expr\":\"50 - ConnCount\",\"event\":{\"ConnCount\":42},\"raw\":true}\n"
                "{\"expr\":\"(\",\"event\":{}}\n"
                "{\"expr\":\"[192.0.2.0/28, 1]\",\"event\":{}}\n"
                "{\"expr\":\"192.0.2.0/28\",\"event\":{}}\n"
                "{\"expr\":\"1\"}\n");
  EXPECT_THAT(result.out, StartsWith("{\"value\":-8,\"truth\":true}\n"
                                     "{\"value\":8,\"truth\":true}\n"
                                     "{\"error\":{\"stage\":\"parse\""));
  EXPECT_THAT(result.out, HasSubstr("{\"value\":[\"192.0.2.0/28\",1],\"truth\":true}\n"
                                    "{\"value\":{\"ip\":\"192.0.2.0/28\"},\"truth\":true}\n"
                                    "{\"error\":{\"stage\":\"case\""));
  EXPECT_EQ(result.status, 1);
}

}  // namespace
}  // namespace mentat::mentatctl
