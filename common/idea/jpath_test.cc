#include "common/idea/jpath.h"

#include <string>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/idea/codec.h"
#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kMandatory =
    R"("Format":"IDEA0","ID":"x","DetectTime":"2024-03-05T15:52:22Z","Category":["Test"])";

Path P(std::string_view text) {
  absl::StatusOr<Path> path = Path::Parse(text);
  EXPECT_THAT(path, IsOk());
  return *std::move(path);
}

v1::Value V(std::string_view json) {
  absl::StatusOr<v1::Value> value = ParseValue(json);
  EXPECT_THAT(value, IsOk());
  return *std::move(value);
}

// An event of further keys beside the mandatory ones.
v1::Event Event(std::string_view keys) {
  v1::Event event;
  std::vector<Problem> problems;
  const std::string json =
      "{" + std::string(kMandatory) + (keys.empty() ? "" : ",") + std::string(keys) + "}";
  EXPECT_TRUE(ParseEvent(json, {}, &event, &problems)) << Describe(problems);
  return event;
}

// The keys of an event but for the mandatory ones.
std::string Keys(v1::Event event) {
  event.clear_format();
  event.clear_id();
  event.clear_detect_time();
  event.clear_category();
  return PrintEvent(event);
}

std::vector<std::string> Read(const v1::Event& event, std::string_view path) {
  std::vector<std::string> values;
  for (const v1::Value& value : Values(event, P(path))) values.push_back(PrintValue(value));
  return values;
}

TEST(PathTest, ReadsChunks) {
  const Path path = P("Source[1].IP4[*]._x9[#].a[007].b[0].c[00].d");
  const std::vector<Path::Chunk>& chunks = path.chunks();
  ASSERT_EQ(chunks.size(), 7);
  EXPECT_EQ(chunks[0].name, "Source");
  EXPECT_EQ(chunks[0].index, Path::Index::kNumber);
  EXPECT_EQ(chunks[0].number, 1);
  EXPECT_EQ(chunks[1].index, Path::Index::kAll);
  EXPECT_EQ(chunks[2].name, "_x9");
  EXPECT_EQ(chunks[2].index, Path::Index::kLast);
  EXPECT_EQ(chunks[3].number, 7);
  EXPECT_EQ(chunks[4].index, Path::Index::kLast);
  EXPECT_EQ(chunks[5].index, Path::Index::kLast);
  EXPECT_EQ(chunks[6].index, Path::Index::kNone);
  EXPECT_EQ(path.text(), "Source[1].IP4[*]._x9[#].a[007].b[0].c[00].d");
}

TEST(PathTest, RefusesOtherTexts) {
  for (const std::string text :
       {"",      ".",     "a.",      ".a",   "a..b",  "a-b",   "a b", " a", "a[", "a[]",  "a[1",
        "a[-1]", "a[+1]", "a[1][2]", "a[x]", "a[*#]", "a[1]b", "[1]", "a]", "é",  "a[1 ]"}) {
    EXPECT_THAT(Path::Parse(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("invalid path")))
        << text;
  }
  EXPECT_THAT(Path::Parse("Source[1]IP4"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at character 10")));
}

TEST(PathTest, IsBounded) {
  std::string deep = "a";
  for (int i = 1; i < 16; ++i) deep += ".a";
  EXPECT_THAT(Path::Parse(deep), IsOk());
  EXPECT_THAT(Path::Parse(deep + ".a"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most")));
  v1::Event event = Event("");
  EXPECT_THAT(Set(&event, P("L[99999999999999999999999]"), V("1")), IsOk());
  EXPECT_EQ(Keys(event), R"({"L":[1]})");
}

struct SetCase {
  const char* before;
  const char* path;
  const char* value;
  SetOptions options;
  int code;
  const char* after;
};

constexpr SetOptions kKeep = {.overwrite = false};
constexpr SetOptions kUnique = {.unique = true};

class SetTest : public testing::TestWithParam<SetCase> {};

TEST_P(SetTest, Sets) {
  const SetCase& row = GetParam();
  v1::Event event = Event(row.before);
  const absl::StatusOr<SetResult> result = Set(&event, P(row.path), V(row.value), row.options);
  ASSERT_THAT(result, IsOk()) << row.before << " " << row.path;
  EXPECT_EQ(static_cast<int>(*result), row.code) << row.before << " " << row.path;
  EXPECT_EQ(Keys(event), row.after) << row.before << " " << row.path;
  // What was made is an event still.
  v1::Event again;
  std::vector<Problem> problems;
  const std::string json = PrintEvent(event);
  EXPECT_TRUE(ParseEvent(json, {}, &again, &problems)) << Describe(problems);
  EXPECT_EQ(PrintEvent(again), json);
}

INSTANTIATE_TEST_SUITE_P(
    UnknownKeys, SetTest,
    testing::Values(
        SetCase{"", "A.B.C", "1", {}, 0, R"({"A":{"B":{"C":1}}})"},
        SetCase{"", "A[5]", "1", {}, 0, R"({"A":[1]})"},
        SetCase{"", "A[1].B[1].C", "1", {}, 0, R"({"A":[{"B":[{"C":1}]}]})"},
        SetCase{R"("L":["a","b"])", "L[2]", R"("z")", {}, 0, R"({"L":["a","z"]})"},
        SetCase{R"("L":["a","b"])", "L[#]", R"("z")", {}, 0, R"({"L":["a","z"]})"},
        SetCase{R"("L":["a","b"])", "L[0]", R"("z")", {}, 0, R"({"L":["a","z"]})"},
        SetCase{R"("L":["a","b"])", "L[9]", R"("z")", {}, 0, R"({"L":["a","b","z"]})"},
        SetCase{R"("L":["a","b"])", "L[*]", R"("z")", {}, 0, R"({"L":["a","b","z"]})"},
        SetCase{R"("L":["a","b"])", "L[*]", R"("a")", kUnique, 2, R"({"L":["a","b"]})"},
        SetCase{R"("L":["a","b"])", "L[*]", R"("c")", kUnique, 0, R"({"L":["a","b","c"]})"},
        SetCase{R"("L":[1])", "L[*]", "1.0", kUnique, 2, R"({"L":[1]})"},
        SetCase{R"("L":[1])", "L[9]", "true", kUnique, 2, R"({"L":[1]})"},
        SetCase{R"("L":[1.5])", "L[*]", "15e-1", kUnique, 2, R"({"L":[1.5]})"},
        SetCase{R"("L":[1])", "L[*]", "\"1\"", kUnique, 0, R"({"L":[1,"1"]})"},
        SetCase{R"("L":[null])", "L[*]", "null", kUnique, 2, R"({"L":[null]})"},
        SetCase{R"("L":[null])", "L[*]", "0", kUnique, 0, R"({"L":[null,0]})"},
        SetCase{R"("L":[100000000000000000000])", "L[*]", "1e20", kUnique, 2,
                R"({"L":[100000000000000000000]})"},
        SetCase{R"("L":[9007199254740993])", "L[*]", "9007199254740992.0", kUnique, 0,
                R"({"L":[9007199254740993,9007199254740992.0]})"},
        SetCase{R"("L":[{"a":1,"b":[2]}])", "L[*]", R"({"b":[2.0],"a":1})", kUnique, 2,
                R"({"L":[{"a":1,"b":[2]}]})"},
        SetCase{R"("L":[{"a":1}])", "L[*]", R"({"a":1,"b":null})", kUnique, 0,
                R"({"L":[{"a":1},{"a":1,"b":null}]})"},
        SetCase{R"("K":"a")", "K", R"("a")", kUnique, 0, R"({"K":"a"})"},
        SetCase{R"("L":["a","b"])", "L[#]", R"("a")", kUnique, 0, R"({"L":["a","a"]})"},
        SetCase{R"("L":[])", "L[#]", R"("a")", {}, 0, R"({"L":["a"]})"},
        SetCase{R"("L":[])", "L[#].x", R"("a")", {}, 0, R"({"L":[{"x":"a"}]})"},
        SetCase{R"("L":[""])", "L[1]", R"("z")", kKeep, 0, R"({"L":["z"]})"},
        SetCase{R"("L":[false])", "L[1]", R"("z")", kKeep, 0, R"({"L":["z"]})"},
        SetCase{R"("L":[[]])", "L[1]", R"("z")", kKeep, 0, R"({"L":["z"]})"},
        SetCase{R"("L":[[0]])", "L[1]", R"("z")", kKeep, 1, R"({"L":[[0]]})"},
        SetCase{R"("L":["a"])", "L[*]", R"("z")", kKeep, 0, R"({"L":["a","z"]})"},
        SetCase{R"("L":["a"])", "L[5]", R"("z")", kKeep, 0, R"({"L":["a","z"]})"},
        SetCase{R"("L":["a"])", "L", R"("z")", kKeep, 1, R"({"L":["a"]})"},
        SetCase{R"("L":["a"])", "L", R"("z")", {}, 0, R"({"L":"z"})"},
        SetCase{R"("O":{"a":1})", "O", "null", {}, 0, R"({"O":null})"},
        SetCase{"", "A[0]", "1", {}, 0, R"({"A":[1]})"},
        SetCase{"", "A[*]", "[1]", {}, 0, R"({"A":[[1]]})"},
        SetCase{R"("L":["a","b"])", "L[002]", R"("z")", {}, 0, R"({"L":["a","z"]})"},
        SetCase{R"("L":["a","b"])", "L[1]", R"("b")", kUnique, 0, R"({"L":["b","b"]})"},
        SetCase{R"("L":["a","b"])", "L[1]", R"("z")", kKeep, 1, R"({"L":["a","b"]})"},
        SetCase{R"("L":[0])", "L[1]", R"("z")", kKeep, 0, R"({"L":["z"]})"},
        SetCase{R"("L":[0.00e5])", "L[1]", R"("z")", kKeep, 0, R"({"L":["z"]})"},
        SetCase{R"("L":[0.05])", "L[1]", R"("z")", kKeep, 1, R"({"L":[0.05]})"},
        SetCase{R"("L":[null])", "L[1]", R"("z")", kKeep, 0, R"({"L":["z"]})"},
        SetCase{R"("L":[{}])", "L[1]", R"("z")", kKeep, 0, R"({"L":["z"]})"},
        SetCase{R"("K":null)", "K", R"("z")", kKeep, 1, R"({"K":null})"},
        SetCase{R"("K":null)", "K", R"("z")", {}, 0, R"({"K":"z"})"},
        SetCase{R"("L":["a"])", "L", "[]", kUnique, 0, R"({"L":[]})"},
        SetCase{R"("L":[{"a":1}])", "L[1].b", "2", {}, 0, R"({"L":[{"a":1,"b":2}]})"},
        SetCase{R"("L":[{"a":1}])", "L[*].b", "2", {}, 0, R"({"L":[{"a":1},{"b":2}]})"},
        SetCase{R"("L":[{"a":1}])", "L[7].b", "2", {}, 0, R"({"L":[{"a":1},{"b":2}]})"}));

INSTANTIATE_TEST_SUITE_P(
    KnownKeys, SetTest,
    testing::Values(
        SetCase{"",
                "Source[1].IP4[*]",
                R"("192.0.2.9-192.0.2.1")",
                {},
                0,
                R"({"Source":[{"IP4":["192.0.2.1-192.0.2.9"]}]})"},
        SetCase{R"("Source":[{"IP6":["2001:db8::1"]}])", "Source[1].IP6[*]", R"("2001:DB8:0::1")",
                kUnique, 2, R"({"Source":[{"IP6":["2001:db8::1"]}]})"},
        SetCase{R"("Source":[{"Port":[1,2,3]}])",
                "Source[1].Port[2]",
                "22",
                {},
                0,
                R"({"Source":[{"Port":[1,22,3]}]})"},
        SetCase{R"("Source":[{"Port":[0]}])", "Source[1].Port[1]", "22", kKeep, 0,
                R"({"Source":[{"Port":[22]}]})"},
        SetCase{R"("Source":[{"Port":[1]}])", "Source[1].Port[#]", "22", kKeep, 1,
                R"({"Source":[{"Port":[1]}]})"},
        SetCase{R"("Source":[{}])",
                "Source[*].Note",
                R"("n")",
                {},
                0,
                R"({"Source":[{},{"Note":"n"}]})"},
        SetCase{
            R"("Source":[])", "Source[1].Note", R"("n")", {}, 0, R"({"Source":[{"Note":"n"}]})"},
        SetCase{R"("Source":[{"Port":[1]}])",
                "Source[1].Port",
                "[\"2\",3]",
                {},
                0,
                R"({"Source":[{"Port":[2,3]}]})"},
        SetCase{R"("Source":[{"Port":[1]}])",
                "Source[1].Port",
                "[]",
                {},
                0,
                R"({"Source":[{"Port":[]}]})"},
        SetCase{R"("Source":[{"Port":[]}])", "Source[1].Port", "[2]", kKeep, 1,
                R"({"Source":[{"Port":[]}]})"},
        SetCase{R"("Source":[{"Port":[]}])",
                "Source[1].Port[*]",
                "2",
                {},
                0,
                R"({"Source":[{"Port":[2]}]})"},
        SetCase{"",
                "Source[*]",
                R"({"IP4":["192.0.2.1"],"Own":1.50})",
                {},
                0,
                R"({"Source":[{"IP4":["192.0.2.1"],"Own":1.50}]})"},
        SetCase{
            "", "Source[1].Own.Key[*]", "1.50", {}, 0, R"({"Source":[{"Own":{"Key":[1.50]}}]})"},
        SetCase{"", "EventTime", "1577836800", {}, 0, R"({"EventTime":"2020-01-01T00:00:00Z"})"},
        SetCase{R"("Note":"a")", "Note", R"("b")", {}, 0, R"({"Note":"b"})"},
        SetCase{R"("Note":"")", "Note", R"("b")", kKeep, 1, R"({"Note":""})"},
        SetCase{"",
                "_Mentat.EventClass",
                R"("vulnerable-config-rdp")",
                {},
                0,
                R"({"_Mentat":{"EventClass":"vulnerable-config-rdp"}})"},
        SetCase{R"("_Mentat":{"EventClass":5})", "_Mentat.EventClass", R"("x")", kKeep, 1,
                R"({"_Mentat":{"EventClass":5}})"},
        SetCase{R"("_Mentat":{"EventClass":5})",
                "_Mentat.EventClass",
                R"("x")",
                {},
                0,
                R"({"_Mentat":{"EventClass":"x"}})"},
        SetCase{R"("_Mentat":{"InspectionErrors":["a"]})", "_Mentat.InspectionErrors[*]", R"("a")",
                kUnique, 2, R"({"_Mentat":{"InspectionErrors":["a"]}})"},
        SetCase{R"("_Mentat":{"InspectionErrors":["a"]})", "_Mentat.InspectionErrors[*]", R"("b")",
                kUnique, 0, R"({"_Mentat":{"InspectionErrors":["a","b"]}})"},
        SetCase{R"("Source":[{"Port":[99999999999999999999]}])",
                "Source[1].Port[*]",
                "22",
                {},
                0,
                R"({"Source":[{"Port":[99999999999999999999,22]}]})"},
        SetCase{R"("Source":[{"Port":[99999999999999999999]}])",
                "Source[1].Port",
                "[22]",
                {},
                0,
                R"({"Source":[{"Port":[22]}]})"}));

TEST(SetTest, RefusesWhatDoesNotFit) {
  struct Case {
    const char* before;
    const char* path;
    const char* value;
    const char* message;
  };
  for (const auto& [before, path, value, message] : {
           Case{R"("L":["a"])", "L.x", "1", "expected an object under L"},
           {R"("K":"s")", "K[1]", "1", "expected a list under K"},
           {R"("K":"s")", "K.x", "1", "expected an object under K"},
           {R"("K":null)", "K.x", "1", "expected an object under K"},
           {R"("K":null)", "K[1]", "1", "expected a list under K"},
           {R"("K":5)", "K.x.y", "1", "expected an object under K"},
           {R"("O":{"a":1})", "O[1]", "1", "expected a list under O"},
           {R"("O":{"a":1})", "O[*].b", "1", "expected a list under O"},
           {R"("O":{"a":1})", "O.a.b", "1", "expected an object under a"},
           {R"("O":{"a":[1]})", "O.a[1].b", "1", "expected an object under a"},
           {R"("L":[[1]])", "L[1].x", "1", "expected an object under L"},
           {R"("L":[null])", "L[#].x", "1", "expected an object under L"},
           {R"("L":[{"a":1}])", "L.a", "1", "expected an object under L"},
           {R"("L":["a"])", "L[1].x", "1", "expected an object under L"},
           {R"("Source":[{}])", "Source.Note", R"("n")", "expected an object under Source"},
           {"", "Note[1]", R"("n")", "expected a list under Note"},
           {"", "Note.x", R"("n")", "expected an object under Note"},
           {"", "Source[1].IP4", R"("192.0.2.1")", "expected a list under IP4"},
           {"", "Source[1].IP4[1].x", R"("192.0.2.1")", "expected an object under IP4"},
           {"", "Source[1].IP4[*]", R"("example.org")", "IP4: got \"example.org\", expected an"},
           {"", "Source[*]", R"({"IP4":["x"]})", "Source.IP4[1]: got \"x\", expected an IPv4"},
           {"", "Source[*]", "1", "Source: got 1, expected an object"},
           {"", "ConnCount", "99999999999999999999", "beyond 64 bits"},
           {"", "Confidence", "1.5", "expected a number from 0 to 1"},
           {"", "Note", "null", "got null, expected a text"},
           {"", "_Mentat.EventClass", "5", "got 5, expected a text"},
       }) {
    v1::Event event = Event(before);
    EXPECT_THAT(Set(&event, P(path), V(value)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << path;
  }
}

TEST(SetTest, ABadItemLeavesTheListAsItWas) {
  v1::Event event = Event(R"("Source":[{"IP4":["192.0.2.1"]}])");
  EXPECT_FALSE(Set(&event, P("Source[1].IP4"), V(R"(["192.0.2.2","x"])")).ok());
  EXPECT_FALSE(Set(&event, P("Source[1].IP4[1]"), V(R"("x")")).ok());
  EXPECT_EQ(Keys(event), R"({"Source":[{"IP4":["192.0.2.1"]}]})");
}

TEST(UnsetTest, Removes) {
  struct Case {
    const char* before;
    const char* path;
    const char* after;
  };
  for (const auto& [before, path, after] : {
           Case{R"("L":["a","b"])", "L[1]", R"({"L":["b"]})"},
           {R"("L":["a","b"])", "L[0]", R"({"L":["a"]})"},
           {R"("L":["a","b"])", "L[00]", R"({"L":["a"]})"},
           {R"("L":["a","b"])", "L[01]", R"({"L":["b"]})"},
           {R"("L":[])", "L[#]", R"({"L":[]})"},
           {R"("L":[])", "L[*]", R"({})"},
           {R"("L":[])", "L.x", R"({"L":[]})"},
           {R"("K":null)", "K", R"({})"},
           {R"("S":[{"a":1},{"a":2}])", "S[#].a", R"({"S":[{"a":1},{}]})"},
           {R"("S":[{"a":[1,2]},{"a":[3]}])", "S.a[2]", R"({"S":[{"a":[1]},{"a":[3]}]})"},
           {R"("S":[{"a":[1,2]},{"b":1}])", "S[*].a[*]", R"({"S":[{},{"b":1}]})"},
           {R"("L":["a","b"])", "L[#]", R"({"L":["a"]})"},
           {R"("L":["a","b"])", "L[3]", R"({"L":["a","b"]})"},
           {R"("L":["a","b"])", "L[*]", R"({})"},
           {R"("L":["a"])", "L[1]", R"({"L":[]})"},
           {R"("L":["a","b"])", "L", R"({})"},
           {R"("L":["a","b"])", "M.x[1]", R"({"L":["a","b"]})"},
           {R"("S":[{"a":1},{"a":2,"b":3}])", "S.a", R"({"S":[{},{"b":3}]})"},
           {R"("S":[{"a":1},{"a":2,"b":3}])", "S[*].a", R"({"S":[{},{"b":3}]})"},
           {R"("S":[{"a":1},{"a":2,"b":3}])", "S[2].a", R"({"S":[{"a":1},{"b":3}]})"},
           {R"("S":[{"a":1},{"a":2,"b":3}])", "S[9].a", R"({"S":[{"a":1},{"a":2,"b":3}]})"},
           {R"("O":{"a":1})", "O.a", R"({"O":{}})"},
           {R"("Note":"n")", "Note", "{}"},
           {"", "Note", "{}"},
           {"", "Note[1]", "{}"},
           {R"("_Mentat":{"EventClass":"x","Impact":"y"})", "_Mentat.EventClass",
            R"({"_Mentat":{"Impact":"y"}})"},
           {R"("_Mentat":{"EventClass":5})", "_Mentat.EventClass", R"({"_Mentat":{}})"},
           {R"("Source":[{"Port":[1,2,3],"Own":{"a":1}},{"Port":[4]}])", "Source[1].Port[2]",
            R"({"Source":[{"Own":{"a":1},"Port":[1,3]},{"Port":[4]}]})"},
           {R"("Source":[{"Port":[1,2,3],"Own":{"a":1}},{"Port":[4]}])", "Source.Port[1]",
            R"({"Source":[{"Own":{"a":1},"Port":[2,3]},{"Port":[]}]})"},
           {R"("Source":[{"Port":[1,2,3],"Own":{"a":1}},{"Port":[4]}])", "Source[*].Port",
            R"({"Source":[{"Own":{"a":1}},{}]})"},
           {R"("Source":[{"Port":[1,2,3],"Own":{"a":1}},{"Port":[4]}])", "Source[#]",
            R"({"Source":[{"Own":{"a":1},"Port":[1,2,3]}]})"},
           {R"("Source":[{"Own":{"a":1}}])", "Source[1].Own.a", R"({"Source":[{"Own":{}}]})"},
           {R"("Source":[])", "Source[1]", R"({"Source":[]})"},
           {R"("Source":[])", "Source[*]", R"({})"},
           {R"("Source":[])", "Source", R"({})"},
       }) {
    v1::Event event = Event(before);
    ASSERT_THAT(Unset(&event, P(path)), IsOk()) << before << " " << path;
    EXPECT_EQ(Keys(event), after) << before << " " << path;
  }
}

TEST(UnsetTest, RefusesWhatDoesNotFit) {
  struct Case {
    const char* before;
    const char* path;
    const char* message;
  };
  for (const auto& [before, path, message] : {
           Case{R"("S":[{"a":1},5])", "S.a", "expected an object under S"},
           {R"("S":[5])", "S[1].a", "expected an object under S"},
           {R"("S":[5])", "S[*].a", "expected an object under S"},
           {R"("S":[[{"a":1}]])", "S.a", "expected an object under S"},
           {R"("K":null)", "K.x", "expected an object under K"},
           {R"("K":null)", "K[#]", "expected a list under K"},
           {R"("O":{"a":1})", "O[1]", "expected a list under O"},
           {R"("O":{"a":1})", "O[*]", "expected a list under O"},
           {R"("O":{"a":1})", "O[1].a", "expected a list under O"},
           {R"("O":{"a":1})", "O.a.b", "expected an object under a"},
           {R"("K":"s")", "K[1]", "expected a list under K"},
           {R"("K":"s")", "K.x", "expected an object under K"},
           {R"("Note":"n")", "Note[1]", "expected a list under Note"},
           {R"("Note":"n")", "Note.x", "expected an object under Note"},
           {R"("Source":[{"Port":[1]}])", "Source.Port.x", "expected an object under Port"},
       }) {
    v1::Event event = Event(before);
    EXPECT_THAT(Unset(&event, P(path)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << path;
  }
}

TEST(ValuesTest, ReadsKnownAndUnknownKeys) {
  const v1::Event event = Event(R"(
      "Note":"n","Confidence":0.5,
      "Source":[{"IP4":["192.0.2.1","192.0.2.2"],"Port":[0],"Hostname":[]},
                {"IP4":["192.0.2.3"],"Own":{"a":[1,[2,3]]},"Spoofed":false}],
      "_Mentat":{"EventClass":"c","Other":[{"x":null},{"x":1.50}]},"ConnCount":99999999999999999999)");
  EXPECT_THAT(Read(event, "Note"), ElementsAre("\"n\""));
  EXPECT_THAT(Read(event, "Confidence"), ElementsAre("0.5"));
  EXPECT_THAT(Read(event, "Missing"), IsEmpty());
  EXPECT_THAT(Read(event, "EventTime"), IsEmpty());
  EXPECT_THAT(Read(event, "Note[1]"), IsEmpty());
  EXPECT_THAT(Read(event, "Note.x"), IsEmpty());
  EXPECT_THAT(Read(event, "DetectTime"), ElementsAre("\"2024-03-05T15:52:22Z\""));
  EXPECT_THAT(Read(event, "Source.IP4"),
              ElementsAre("\"192.0.2.1\"", "\"192.0.2.2\"", "\"192.0.2.3\""));
  EXPECT_THAT(Read(event, "Source[*].IP4[*]"),
              ElementsAre("\"192.0.2.1\"", "\"192.0.2.2\"", "\"192.0.2.3\""));
  EXPECT_THAT(Read(event, "Source[1].IP4[#]"), ElementsAre("\"192.0.2.2\""));
  EXPECT_THAT(Read(event, "Source.IP4[2]"), ElementsAre("\"192.0.2.2\""));
  EXPECT_THAT(Read(event, "Source[3].IP4"), IsEmpty());
  EXPECT_THAT(Read(event, "Source.Hostname"), IsEmpty());
  EXPECT_THAT(Read(event, "Source.Spoofed"), ElementsAre("false"));
  EXPECT_THAT(Read(event, "Source.Own.a"), ElementsAre("1", "[2,3]"));
  EXPECT_THAT(Read(event, "Source[2].Own"), ElementsAre(R"({"a":[1,[2,3]]})"));
  EXPECT_THAT(Read(event, "Source[1]"),
              ElementsAre(R"({"Hostname":[],"IP4":["192.0.2.1","192.0.2.2"],"Port":[0]})"));
  EXPECT_THAT(Read(event, "_Mentat.EventClass"), ElementsAre("\"c\""));
  EXPECT_THAT(Read(event, "_Mentat.Other.x"), ElementsAre("null", "1.50"));
  EXPECT_THAT(Read(event, "_Mentat.Other[#].x"), ElementsAre("1.50"));
  EXPECT_THAT(Read(event, "ConnCount"), ElementsAre("99999999999999999999"));
}

TEST(ValuesTest, ReadsByTheTable) {
  const v1::Event event = Event(R"(
      "K":"s","Null":null,"L":["a","b"],"Empty":[],"O":{"a":1},
      "S":[{"a":1},5,null,[{"a":9}],{"a":[2,[3]]}],"Nested":[[1,2],[3]],"Deep":[{"l":[{"x":1},{"x":2}]}])");
  struct Case {
    const char* path;
    std::vector<std::string> values;
  };
  for (const auto& [path, values] : {
           Case{"K", {"\"s\""}},
           {"K[1]", {}},  // an index is for lists
           {"K[#]", {}},
           {"K[*]", {}},
           {"K.x", {}},
           {"Null", {"null"}},
           {"Null.x", {}},
           {"Null[1]", {}},
           {"L", {"\"a\"", "\"b\""}},
           {"L[*]", {"\"a\"", "\"b\""}},
           {"L[1]", {"\"a\""}},
           {"L[2]", {"\"b\""}},
           {"L[3]", {}},
           {"L[#]", {"\"b\""}},
           {"L[0]", {"\"b\""}},
           {"L[00]", {"\"b\""}},
           {"L[01]", {"\"a\""}},
           {"L[99999999999999999999]", {}},
           {"Empty", {}},
           {"Empty[#]", {}},
           {"Empty[*]", {}},
           {"Empty[1]", {}},
           {"O", {R"({"a":1})"}},
           {"O[1]", {}},
           {"O[*]", {}},
           {"O.a", {"1"}},
           {"O.a[1]", {}},
           {"S.a", {"1", "2", "[3]"}},  // lists directly inside lists are not descended
           {"S[4]", {R"([{"a":9}])"}},
           {"S[4].a", {}},
           {"S[5].a[2]", {"[3]"}},
           {"S.a[1]", {"2"}},
           {"Nested", {"[1,2]", "[3]"}},
           {"Nested[1]", {"[1,2]"}},
           {"Nested.x", {}},
           {"Deep.l.x", {"1", "2"}},
           {"Deep[1].l[#].x", {"2"}},
           {"Missing", {}},
           {"Missing.x[1]", {}},
       }) {
    EXPECT_EQ(Read(event, path), values) << path;
    const std::optional<v1::Value> first = First(event, P(path));
    EXPECT_EQ(first ? PrintValue(*first) : "", values.empty() ? "" : values[0]) << path;
  }
}

TEST(ValuesTest, WhatExists) {
  const v1::Event event =
      Event(R"("Zero":0,"False":false,"Text":"","Null":null,"Empty":[],"Object":{},
      "Nulls":[null,1],"ConnCount":0,"Source":[{"Spoofed":false,"Port":[]}])");
  for (const char* path :
       {"Zero", "False", "Text", "Object", "Nulls[2]", "ConnCount", "Source", "Source.Spoofed"}) {
    EXPECT_TRUE(Exists(event, P(path))) << path;
  }
  for (const char* path :
       {"Null", "Empty", "Nulls", "Nulls[1]", "Missing", "Source.Port", "Zero[1]", "FlowCount"}) {
    EXPECT_FALSE(Exists(event, P(path))) << path;
  }
}

}  // namespace
}  // namespace mentat::idea
