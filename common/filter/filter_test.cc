#include "common/filter/filter.h"

#include <string>
#include <string_view>

#include "common/base/status_matchers.h"
#include "common/filter/explain.h"
#include "common/idea/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kEvent = R"({
  "Format": "IDEA0", "ID": "e1", "DetectTime": "2024-03-05T15:52:22Z",
  "EventTime": "2024-03-05T15:40:00Z", "Category": ["Attempt.Login", "Recon.Scanning"],
  "ConnCount": 42, "FlowCount": 0, "Confidence": 0.75, "Description": "SSH brute force", "Big": 18446744073709551616,
  "Source": [{"IP4": ["192.0.2.10", "198.51.100.0/28"], "Port": [51234], "Account": ["root", null, 5]},
             {"IP4": ["203.0.113.5-203.0.113.9"], "IP6": ["2001:db8::/64"]}],
  "Target": [{"Spoofed": false, "Port": [22, 2222]}],
  "Nested": {"List": [[1, 2], [3]], "Object": {"a": 1}}, "True": true,
  "Node": [{"Name": "cz.example", "AggrWin": "00:05:00"}]})";

idea::v1::Event ParseEvent(std::string_view json) {
  idea::v1::Event event;
  std::vector<idea::Problem> problems;
  EXPECT_TRUE(idea::ParseEvent(json, {}, &event, &problems)) << idea::Describe(problems);
  return event;
}

// The value as JSON, or the first line of the error; the predicate has to agree.
std::string Result(std::string_view text) {
  const absl::StatusOr<Filter> filter =
      Filter::Compile(text, {}, [] { return 1'709'653'942'500'000; });
  absl::Status status = filter.status();
  if (filter.ok()) {
    static const idea::v1::Event* const event = new idea::v1::Event(ParseEvent(kEvent));
    const absl::StatusOr<Value> value = filter->Evaluate(*event);
    const absl::StatusOr<bool> matches = filter->Matches(*event);
    EXPECT_EQ(matches.status(), value.status()) << text;
    if (value.ok() && matches.ok()) {
      EXPECT_EQ(*matches, value->Truth()) << text;
    }
    if (value.ok()) return ToJson(*value);
    status = value.status();
  }
  const std::string message(status.message());
  return message.substr(0, message.find('\n'));
}

std::string RawResult(std::string_view text) {
  const absl::StatusOr<RawFilter> filter = RawFilter::Compile(text);
  if (!filter.ok()) return std::string(filter.status().message());
  const absl::StatusOr<Value> value = filter->Evaluate(idea::ParseValue(kEvent).value());
  return value.ok() ? ToJson(*value) : std::string(value.status().message());
}

TEST(FilterTest, LogicYieldsOperands) {
  EXPECT_EQ(Result("Missing or 7"), "7");
  EXPECT_EQ(Result("1 and Missing"), "[]");
  EXPECT_EQ(Result("0 xor Missing"), "[]");
  EXPECT_EQ(Result("1 xor Missing"), "true");
  EXPECT_EQ(Result("exists Missing"), "[]");
  EXPECT_EQ(Result("not (7 / 0)"), "null");
  EXPECT_EQ(Result("1 xor 1 xor 1"), "true");
}

TEST(FilterTest, BothSidesAreAlwaysEvaluated) {
  EXPECT_THAT(Result("1 or (ConnCount > 'x')"), StartsWith("eval: line 1, column 17: "));
  EXPECT_THAT(Result("0 and nosuch(1)"), HasSubstr("there is no function `nosuch`"));
  EXPECT_THAT(Result("Category in ['Attempt.Login'] or ConnCount > 'x' or Description like '('"),
              HasSubstr("column 44: `>`"));
}

TEST(FilterTest, ComparisonsNeedValuesOnBothSides) {
  EXPECT_EQ(Result("Missing == Missing"), "null");
  EXPECT_EQ(Result("not (Missing in [1])"), "null");
  EXPECT_EQ(Result("(7 / 0) == (7 / 0)"), "null");
  EXPECT_EQ(Result("FlowCount == 0"), "true");
  EXPECT_EQ(Result("(1 == 1) == 1"), "true");
}

TEST(FilterTest, NullItemsAreSkippedButMembers) {
  EXPECT_EQ(Result("Source.Account"), R"(["root",null,5])");
  EXPECT_EQ(Result("Source.Account == 5"), "true");
  EXPECT_EQ(Result("Source.Account in Source.Account"), "true");
  EXPECT_EQ(Result("Source.Account > 4"),
            "eval: line 1, column 16: `>` has no meaning between text and number");
  EXPECT_EQ(Result("Source[1].Account[3] > 4"), "true");
  EXPECT_EQ(Result("Source[1].Account[2] > 4"), "false");
}

TEST(FilterTest, AnErrorCountsOnlyBeforeATruePair) {
  EXPECT_EQ(Result("[1, 'x'] < 2"), "true");
  EXPECT_THAT(Result("['x', 1] < 2"), StartsWith("eval: "));
}

TEST(FilterTest, Addresses) {
  EXPECT_EQ(Result("Source.IP4 in [192.0.2.0/25, 192.0.2.128/25]"), "true");
  EXPECT_EQ(Result("Source[2].IP4 in [203.0.113.0-203.0.113.7, 203.0.113.8/29]"), "false");
  EXPECT_EQ(Result("Source[2].IP4 in [203.0.113.8/29, 203.0.0.0-204.0.0.0, 203.0.113.4]"), "true");
  EXPECT_EQ(Result("Source.IP4 in [3221225994]"), "true");
  EXPECT_EQ(Result("Source.IP4 == 3221225994"), "true");
  EXPECT_THAT(Result("Source.IP4 == 4294967296"), StartsWith("compile: line 1, column 15: "));
  EXPECT_THAT(Result("Source.IP4 == 1.5"), StartsWith("compile: "));
  EXPECT_EQ(Result("Source.IP6 in [2001:db8::/32]"), "true");
  EXPECT_EQ(Result("Source.IP6 == '2001:DB8::/64'"), "true");
  EXPECT_THAT(Result("Source.IP6 in [10.0.0.0/8]"), StartsWith("compile: "));
  EXPECT_THAT(Result("10.0.0.256"), StartsWith("compile: "));
  EXPECT_THAT(Result("10.0.0.0/33"), StartsWith("compile: "));
  EXPECT_THAT(Result("10.0.0.01"), StartsWith("compile: "));
  EXPECT_EQ(Result("192.0.2.0/28"), R"({"ip":"192.0.2.0/28"})");
  EXPECT_EQ(Result("[10.0.0.0/8] in Source.IP4"), "false");
  EXPECT_EQ(Result("[192.0.2.0/24] in Source.IP4"), "true");
  EXPECT_EQ(Result("Source.IP4 is [192.0.2.10]"), "false");
  EXPECT_EQ(Result("Source.IP4 != 192.0.2.10"), "true");
  EXPECT_EQ(Result("Source[1].IP4[1] != 192.0.2.10"), "false");
  EXPECT_EQ(Result("Source.IP4 + 1"), "null");
  EXPECT_EQ(Result("Source.IP4 == Source.IP4"), "true");
}

TEST(FilterTest, ConstantsChangePlacesWithNames) {
  EXPECT_EQ(Result("'x' < Description"), "true");  // Description < 'x'
  EXPECT_EQ(Result("3 > size(Source.IP4)"), "false");
  EXPECT_EQ(Result("[22] in Target.Port"), "true");
  EXPECT_EQ(Result("'brute' like Description"), "true");
  EXPECT_EQ(Result("1 + 1 < ConnCount"), "false");
  EXPECT_EQ(RawResult("1 + 1 < ConnCount"), "true");
  EXPECT_EQ(Result("1 < (ConnCount)"), "false");
}

TEST(FilterTest, ArgumentsOfFunctionsStayAsTheyAre) {
  EXPECT_EQ(Result("strlen(10.0.0.1)"), "8");
  EXPECT_EQ(Result("size(50 - ConnCount == 8)"), "eval: line 1, column 1: boolean has no length");
  EXPECT_THAT(Result("size(::1)"), StartsWith("compile: line 1, column 6: "));
  EXPECT_EQ(Result("strlen(Source.IP6)"), "[18446744073709551616]");
  EXPECT_EQ(Result("strlen(Nested.Object)"), "[1]");
  EXPECT_THAT(Result("strlen(ConnCount)"), StartsWith("eval: "));
  EXPECT_THAT(Result("size()"), StartsWith("eval: "));
  EXPECT_EQ(Result("size('žlutý')"), "5");
}

TEST(FilterTest, TheTwoFormsDiffer) {
  struct Case {
    std::string_view text;
    std::string_view compiled;
    std::string_view raw;
  };
  for (const auto& [text, compiled, raw] : {
           // Literals of addresses, times and durations are texts in the raw form, good or bad.
           Case{"10.0.0.77/24", R"({"ip":"10.0.0.77/24"})", R"("10.0.0.77/24")"},
           {"10.0.0.256", "compile", R"("10.0.0.256")"},
           {"10.0.0.01", "compile", R"("10.0.0.01")"},
           {"10.0.0.0/33", "compile", R"("10.0.0.0/33")"},
           {"10.0.0.1..10.0.0.9", "compile", R"("10.0.0.1..10.0.0.9")"},
           {"::1", "compile", R"("::1")"},
           {"01:30:00", R"({"timedelta":5400})", R"("01:30:00")"},
           {"2024-03-05T15:52:22Z", R"({"datetime":"2024-03-05T15:52:22.000000Z"})",
            R"("2024-03-05T15:52:22Z")"},
           {"2024-02-30T00:00:00Z", "compile", R"("2024-02-30T00:00:00Z")"},
           {"00:00:00 or 0", "0", R"("00:00:00")"},  // a text is true
           // In lists they are texts in both, and under function arguments.
           {"[10.0.0.1, 00:00:01]", R"(["10.0.0.1","00:00:01"])", R"(["10.0.0.1","00:00:01"])"},
           {"strlen(10.0.0.1)", "8", "8"},
           {"size(::1)", "compile", "3"},
           // Numbers are numbers in both.
           {"7 / 2", "3.5", "3.5"},
           {"10 - 3 - 2", "9", "9"},
           {"7 / 0", "null", "null"},
           // Constants change places only in the compiled form, folded ones too.
           {"40 < ConnCount", "false", "true"},
           {"50 - ConnCount", "-8", "8"},
           {"(25 + 25) - ConnCount", "-8", "8"},
           {"[1, 2] - ConnCount", "[41,40]", "[-41,-40]"},
           {"3 > size(Source.IP4)", "false", "false"},
           {"2 < size(Source.IP4)", "false", "true"},
           {"4 > size(Source.IP4)", "false", "true"},
           {"'SSH brute force now' like Description", "false", "true"},
           {"size(50 - ConnCount == 8)", "eval", "eval"},
           // Constants opposite keys of times and addresses are converted only in the compiled
           // form.
           {"Source.IP4 in [192.0.2.0/24]", "true", "false"},
           {"Source.IP4 in [192.0.2.10]", "true", "true"},
           {"Source.IP4 == 3221225994", "true", "false"},
           {"Source.IP4 == 'x'", "compile", "false"},
           {"Source.IP4 like '^192'", "compile", "true"},
           {"Source.IP4 is [192.0.2.10]", "false", "false"},
           {"Source[1].IP4[1] is [192.0.2.10]", "false", "true"},
           {"Source.IP4 > '192'", "compile", "true"},
           {"Source.IP6 in [2001:DB8::/64]", "true", "false"},
           {"DetectTime - 3600", R"({"datetime":"2024-03-05T14:52:22.000000Z"})", "null"},
           {"DetectTime == 2024-03-05T16:52:22+01:00", "true", "false"},
           {"DetectTime > 'yesterday'", "compile", "false"},
           {"DetectTime > 5", "eval", "eval"},
           {"DetectTime in [Name]", "compile", "false"},
           // Values of events have their types only in the compiled form.
           {"DetectTime - EventTime", R"({"timedelta":742})", "null"},
           {"Node.AggrWin == 00:05:00", "true", "true"},
           {"Node.AggrWin == 0D00:05:00", "true", "false"},
           {"Node.AggrWin * 2", R"({"timedelta":600})", "null"},
           {"strlen(Source.IP6)", "[18446744073709551616]", "[13]"},
       }) {
    const auto stage = [](std::string result) {
      const bool error = result.starts_with("compile:") || result.starts_with("eval:");
      return error ? result.substr(0, result.find(':')) : result;
    };
    EXPECT_EQ(stage(Result(text)), compiled) << text;
    EXPECT_EQ(stage(RawResult(text)), raw) << text << ", raw";
  }
}

TEST(FilterTest, FunctionsCanBeRegistered) {
  FunctionTable functions;
  ASSERT_THAT(functions.Register("twice",
                                 [](const Value* argument, const Clock&) -> absl::StatusOr<Value> {
                                   if (argument == nullptr) return Value();
                                   if (!argument->IsNumber()) {
                                     return absl::InvalidArgumentError("`twice` needs a number");
                                   }
                                   return Value::Integer(2 * argument->integer());
                                 }),
              IsOk());
  const auto value = [&](std::string_view text) {
    const Filter filter = Filter::Compile(text, {}, SystemClockMicros, functions).value();
    EXPECT_THAT(filter.warnings(), IsEmpty());
    const absl::StatusOr<Value> value = filter.Evaluate(ParseEvent(kEvent));
    return value.ok() ? ToJson(*value) : std::string(value.status().message());
  };
  EXPECT_EQ(value("twice(21) == ConnCount"), "true");
  EXPECT_EQ(value("twice()"), "null");
  EXPECT_EQ(value("42 == twice(21)"), "true");
  EXPECT_THAT(value("1 and twice('x')"),
              StartsWith("eval: line 1, column 7: `twice` needs a number\n"));
  const RawFilter raw = RawFilter::Compile("twice(4)", {}, SystemClockMicros, functions).value();
  EXPECT_EQ(ToJson(raw.Evaluate({}).value()), "8");

  EXPECT_EQ(functions.Register("size", nullptr).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(functions.Register("twice", nullptr).code(), absl::StatusCode::kAlreadyExists);
  // What a rule would not read as a call.
  for (const std::string_view name :
       {"", "ab", "notes", "a-b", "1abc", "a.b", "order", "abc(", "žlu"}) {
    EXPECT_EQ(functions.Register(name, nullptr).code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST(FilterTest, TheClockIsGiven) {
  EXPECT_EQ(Result("time()"), "1709653942.5");
  EXPECT_EQ(Result("utcnow()"), R"({"datetime":"2024-03-05T15:52:22.500000Z"})");
  EXPECT_EQ(Result("utcnow() - DetectTime"), R"({"timedelta":0.5})");
  EXPECT_EQ(Result("utcnow() - 1"), R"({"datetime":"2024-03-05T15:52:21.500000Z"})");
  EXPECT_EQ(Result("utcnow() > '2024-03-05T15:52:22Z'"), "true");
}

TEST(FilterTest, Times) {
  EXPECT_EQ(Result("DetectTime - 1.9"), R"({"datetime":"2024-03-05T15:52:21.000000Z"})");
  EXPECT_EQ(Result("DetectTime - '1D00:00:00'"), R"({"datetime":"2024-03-04T15:52:22.000000Z"})");
  EXPECT_EQ(Result("DetectTime in [2024-03-05T15:52:22Z, 5]"), "true");
  EXPECT_THAT(Result("DetectTime in [Name]"), StartsWith("compile: line 1, column 16: "));
  EXPECT_THAT(Result("DetectTime == 10.0.0.1"), StartsWith("compile: "));
  EXPECT_THAT(Result("2024-02-30T00:00:00Z"), StartsWith("compile: "));
  EXPECT_THAT(Result("0001-01-01T00:00:00+01:00"), StartsWith("compile: "));
  EXPECT_THAT(Result("99999999999999999999D00:00:00"), StartsWith("compile: "));
  EXPECT_THAT(Result("DetectTime > '2024-03-05 15:52:22Z'"), StartsWith("compile: "));
  EXPECT_EQ(Result("Node.AggrWin * 2 == 00:10:00"), "true");
}

TEST(FilterTest, BareNamesInListsAreTexts) {
  EXPECT_EQ(Result("[ConnCount, 1]"), R"(["ConnCount",1])");
  EXPECT_EQ(Result("[2024-03-05T15:52:22Z]"), R"(["2024-03-05T15:52:22Z"])");
}

TEST(FilterTest, UnknownKeysAreRead) {
  EXPECT_EQ(Result("Nested.List"), "[[1,2],[3]]");
  EXPECT_EQ(Result("Nested.List[2]"), "[[3]]");
  EXPECT_EQ(Result("Nested.Object.a"), "[1]");
  EXPECT_EQ(Result("Nested"), R"([{"List":[[1,2],[3]],"Object":{"a":1}}])");
  EXPECT_EQ(Result("Nested == Nested"), "true");
  EXPECT_EQ(Result("Big == 18446744073709551616"), "true");
  EXPECT_EQ(Result("Big - 18446744073709551615"), "1");
  EXPECT_EQ(Result("True == 1"), "true");
  EXPECT_EQ(Result("unknown"), "[]");
  EXPECT_EQ(Result("ConnCount.x"), "[]");
  EXPECT_EQ(Result("Source.IP4.x"), "[]");
  EXPECT_EQ(Result("Target[0].Port[00]"), "[2222]");
  EXPECT_EQ(Result("Target.Port[99999999999999999999999]"), "[]");
}

TEST(FilterTest, ObjectsAreValues) {
  EXPECT_EQ(Result("Node"), R"([{"AggrWin":"00:05:00","Name":"cz.example"}])");
  EXPECT_EQ(Result("size(Source)"), "2");
  EXPECT_EQ(Result("Source == Source"), "true");
}

TEST(FilterTest, BadPathsFailWhenTheyAreRead) {
  EXPECT_THAT(Result("ConnCount-2"), StartsWith("eval: line 1, column 1: "));
  EXPECT_THAT(Result("Source[1]IP4"), StartsWith("eval: "));
  EXPECT_THAT(Result("1 or Source[-1]"), StartsWith("eval: line 1, column 6: "));
}

TEST(FilterTest, Patterns) {
  EXPECT_THAT(Result("Description like '(?=x)'"), StartsWith("compile: line 1, column 18: "));
  EXPECT_EQ(Result("Missing like '('"), "null");
  EXPECT_THAT(Result("Description like '('"), StartsWith("eval: line 1, column 13: bad pattern"));
  EXPECT_EQ(Result("Description like Description"), "true");
  EXPECT_EQ(Result("Description like ['x', 'SSH', '(']"), "true");
  EXPECT_THAT(Result("Description like ['x', '(', 'SSH']"), StartsWith("eval: "));
  EXPECT_THAT(Result("Description like 5"), StartsWith("eval: "));
}

TEST(FilterTest, TheRawFormKeepsTexts) {
  EXPECT_EQ(RawResult("10.0.0.1"), R"("10.0.0.1")");
  EXPECT_EQ(RawResult("::1"), R"("::1")");
  EXPECT_EQ(RawResult("DetectTime == 2024-03-05T15:52:22Z"), "true");
  EXPECT_EQ(RawResult("Node.AggrWin == 00:05:00"), "true");
  EXPECT_EQ(RawResult("1 + 1"), "2");
  EXPECT_EQ(RawResult("Nested.List[1]"), "[[1,2]]");
  EXPECT_THAT(RawResult("Description like '(?=x)'"), StartsWith("compile: "));
}

TEST(FilterTest, LongListsAndChains) {
  std::string ports = "Target.Port in [0";
  std::string names = "Category in ['x'";
  std::string networks = "Source.IP4 in [10.0.0.0";
  for (int i = 1; i < 100'000; ++i) {
    ports += "," + std::to_string(i + 100'000);
    names += ",'name" + std::to_string(i) + "'";
    networks += ",10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." +
                std::to_string(i & 255);
  }
  EXPECT_EQ(Result(ports + ", 22]"), "true");
  EXPECT_EQ(Result(ports + "]"), "false");
  EXPECT_EQ(Result(names + ", 'Recon.Scanning']"), "true");
  EXPECT_EQ(Result(networks + ", 203.0.113.0/24]"), "true");

  std::string chain = "ConnCount == 1";
  for (int i = 0; i < 20'000; ++i) chain += i % 2 == 0 ? " or ConnCount == 1" : " or Missing";
  EXPECT_EQ(Result(chain + " or ConnCount == 42"), "true");
  std::string sum = "ConnCount";
  for (int i = 0; i < 20'000; ++i) sum += " + ConnCount";
  EXPECT_EQ(Result(sum), std::to_string(42 * 20'001));
}

TEST(FilterTest, PatternsAreBounded) {
  std::string many = "Description like ['a'";
  for (int i = 0; i < 1000; ++i) many += ",'a'";
  EXPECT_THAT(Result(many + "]"), HasSubstr("max_patterns"));
}

TEST(FilterTest, ErrorsQuoteTheirLine) {
  const absl::StatusOr<Filter> filter = Filter::Compile("Category == 1 and\n  Source.IP4 == 'x'");
  EXPECT_THAT(filter,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("compile: line 2, column 17: `x` is not an IPv4"),
                             testing::EndsWith("\n    Source.IP4 == 'x'\n                  ^"))));
}

TEST(FilterTest, ExplainsWhatDecided) {
  const Filter filter =
      Filter::Compile("ID == 'x' or ConnCount > 40 and 5 < FlowCount or not exists ID").value();
  EXPECT_EQ(Format(filter.Explain(ParseEvent(kEvent))),
            "* ID == 'x' or ConnCount > 40 and FlowCount < 5 or not exists ID  =>  true\n"
            "    ID == 'x'  =>  false\n"
            "      ID  =>  [\"e1\"]\n"
            "*   ConnCount > 40 and FlowCount < 5  =>  true\n"
            "*     ConnCount > 40  =>  true\n"
            "        ConnCount  =>  [42]\n"
            "*     FlowCount < 5  =>  true\n"
            "        FlowCount  =>  [0]\n"
            "    not exists ID  =>  false\n"
            "      exists ID  =>  [\"e1\"]\n"
            "        ID  =>  [\"e1\"]\n");
}

TEST(FilterTest, ExplainsErrors) {
  const Filter filter = Filter::Compile("ConnCount > 'x' or FlowCount == 0").value();
  const Explanation explanation = filter.Explain(ParseEvent(kEvent));
  EXPECT_FALSE(explanation.value.has_value());
  ASSERT_EQ(explanation.children.size(), 2u);
  EXPECT_THAT(explanation.children[0].error, HasSubstr("has no meaning between number and text"));
  EXPECT_TRUE(explanation.children[0].deciding);
  EXPECT_FALSE(explanation.children[1].deciding);
  EXPECT_THAT(Format(explanation), HasSubstr("FlowCount == 0  =>  not evaluated"));
}

}  // namespace
}  // namespace mentat::filter
