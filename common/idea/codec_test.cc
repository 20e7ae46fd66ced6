#include "common/idea/codec.h"

#include <google/protobuf/arena.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/idea/codec_test_util.h"
#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

using std::string_literals::operator""s;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

testing::Matcher<Problem> ProblemIs(std::string_view path,
                                    const testing::Matcher<std::string>& message) {
  return AllOf(Field("path", &Problem::path, std::string(path)),
               Field("message", &Problem::message, message));
}

TEST(ParseEventTest, ReadsAnEncodingInAnyCase) {
  const Parsed parsed = Parse(EventWith(R"("Attach":[{"ContentEncoding":"BASE64"}])"));
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.event.attach(0).content_encoding(), "base64");
  EXPECT_THAT(parsed.warnings,
              ElementsAre(ProblemIs("Attach[1].ContentEncoding", HasSubstr("lower case"))));
}

// ---- Whole events.

TEST(ParseEventTest, ReadsTheExampleOfTheDefinition) {
  const Parsed parsed = Parse(R"({
    "Format": "IDEA0", "ID": "4390fc3f-c753-4a3e-bc83-1b44f24baf75",
    "CreateTime": "2012-11-03T10:00:02Z", "DetectTime": "2012-11-03T10:00:07Z",
    "WinStartTime": "2012-11-03T05:00:00Z", "WinEndTime": "2012-11-03T10:00:00Z",
    "EventTime": "2012-11-03T07:36:00Z", "CeaseTime": "2012-11-03T09:55:22Z",
    "Category": ["Fraud.Phishing"], "Ref": ["cve:CVE-1234-5678"], "Confidence": 0.9,
    "Note": "Synthetic example", "ConnCount": 20,
    "Source": [{"Type": ["Phishing"], "IP4": ["192.168.0.2-192.168.0.5", "192.168.0.10/25"],
                "IP6": ["2001:0db8:0000:0000:0000:ff00:0042::/112"], "Hostname": ["example.com"],
                "URL": ["http://example.com/cgi-bin/killemall"], "Proto": ["tcp", "http"],
                "AttachHand": ["att1"], "Netname": ["ripe:IANA-CBLK-RESERVED1"]}],
    "Target": [{"Type": ["Backscatter"], "Port": [22, 80], "Spoofed": true, "Anonymised": false}],
    "Attach": [{"Handle": "att1", "FileName": ["killemall"], "Type": ["Malware"],
                "ContentType": "application/octet-stream", "Hash": ["sha1:0c4a38c3569f0cc632e74f4c"],
                "Size": 46, "ContentEncoding": "base64", "Content": "TVpqdXN0a2lkZGluZwo="}],
    "Node": [{"Name": "cz.cesnet.kippo-honey", "Type": ["Protocol", "Honeypot"], "SW": ["Kippo"],
              "AggrWin": "00:05:00"}],
    "_CESNET": {"EventClass": "old"},
    "_Mentat": {"StorageTime": "2012-11-03T10:00:08.5Z", "SourceResolvedASN": [2852],
                "ShadowReporting": false},
    "ts": 1351936807, "ts_u": 1351936807
  })");
  ASSERT_TRUE(parsed.ok) << Describe(parsed.problems);
  EXPECT_EQ(parsed.event.ts(), 1'351'936'807'000'000);
  EXPECT_EQ(parsed.event.ts_u(), 1'351'936'807);
  EXPECT_THAT(parsed.warnings,
              ElementsAre(ProblemIs("ts", StartsWith("got 1351936807, read as Unix seconds"))));
}

TEST(ParseEventTest, FillsTheTypedEvent) {
  const Parsed good = Parse(R"({
    "Format": "IDEA0", "ID": "4390fc3f", "DetectTime": "2012-11-03T10:00:07Z",
    "Category": ["Fraud.Phishing"], "Confidence": 0.9, "ConnCount": 20,
    "Source": [{"IP4": ["192.168.0.2-192.168.0.5", "192.168.0.10/25"], "IP6": ["2001:db8::/112"],
                "Hostname": ["example.com"]}],
    "Target": [{"Port": [22, 80], "Spoofed": true, "Anonymised": false}, {}],
    "Attach": [{"Handle": "att1", "Size": 46}],
    "Node": [{"Name": "cz.cesnet.kippo-honey", "AggrWin": "00:05:00"}],
    "_CESNET": {"EventClass": "old"},
    "_Mentat": {"StorageTime": "2012-11-03T10:00:08.5Z", "SourceResolvedASN": [2852],
                "ShadowReporting": false}
  })");
  ASSERT_TRUE(good.ok) << Describe(good.problems);
  EXPECT_THAT(good.warnings, IsEmpty());
  const v1::Event& event = good.event;
  EXPECT_EQ(event.format(), "IDEA0");
  EXPECT_EQ(event.detect_time(), 1'351'936'807'000'000);
  EXPECT_FALSE(event.has_create_time());
  EXPECT_THAT(event.category(), ElementsAre("Fraud.Phishing"));
  EXPECT_EQ(event.confidence(), 0.9);
  EXPECT_EQ(event.conn_count(), 20);
  ASSERT_EQ(event.source_size(), 1);
  EXPECT_EQ(event.source(0).ip4(0).address(), 0xc0a80002);
  EXPECT_EQ(event.source(0).ip4(0).last(), 0xc0a80005);
  EXPECT_EQ(event.source(0).ip4(1).address(), 0xc0a8000a);
  EXPECT_EQ(event.source(0).ip4(1).prefix(), 25);
  EXPECT_EQ(event.source(0).ip6(0).address_high(), 0x20010db800000000);
  EXPECT_EQ(event.source(0).ip6(0).prefix(), 112);
  ASSERT_EQ(event.target_size(), 2);
  EXPECT_THAT(event.target(0).port(), ElementsAre(22, 80));
  EXPECT_TRUE(event.target(0).spoofed());
  EXPECT_TRUE(event.target(0).has_anonymised());
  EXPECT_FALSE(event.target(0).has_imprecise());
  EXPECT_EQ(event.attach(0).size(), 46);
  EXPECT_EQ(event.node(0).aggr_win(), 300'000'000);
  EXPECT_EQ(event.cesnet().event_class(), "old");
  EXPECT_EQ(event.mentat().storage_time(), 1'351'936'808'500'000);
  EXPECT_THAT(event.mentat().source_resolved_asn(), ElementsAre(2852));
  EXPECT_TRUE(event.mentat().has_shadow_reporting());
  EXPECT_THAT(event.unknown(), IsEmpty());
  EXPECT_EQ(
      PrintEvent(event),
      R"({"Attach":[{"Handle":"att1","Size":46}],"Category":["Fraud.Phishing"],"Confidence":0.9,)"
      R"("ConnCount":20,"DetectTime":"2012-11-03T10:00:07Z","Format":"IDEA0","ID":"4390fc3f",)"
      R"("Node":[{"AggrWin":"00:05:00","Name":"cz.cesnet.kippo-honey"}],)"
      R"("Source":[{"Hostname":["example.com"],"IP4":["192.168.0.2-192.168.0.5","192.168.0.10/25"],)"
      R"("IP6":["2001:db8::/112"]}],)"
      R"("Target":[{"Anonymised":false,"Port":[22,80],"Spoofed":true},{}],)"
      R"("_CESNET":{"EventClass":"old"},)"
      R"("_Mentat":{"ShadowReporting":false,"SourceResolvedASN":[2852],)"
      R"("StorageTime":"2012-11-03T10:00:08.500000Z"}})");
}

TEST(ParseEventTest, WorksOnAnArena) {
  google::protobuf::Arena arena;
  auto* event = google::protobuf::Arena::CreateMessage<v1::Event>(&arena);
  std::vector<Problem> problems;
  const std::string json = EventWith(
      R"("Source":[{"IP4":["1.2.3.4"],"Port":[1,99999999999999999999],"Own":{"a":"text text text"}}])");
  ASSERT_TRUE(ParseEvent(json, {}, event, &problems));
  EXPECT_THAT(PrintEvent(*event), HasSubstr("99999999999999999999"));
}

TEST(ParseEventTest, ClearsWhatItIsGiven) {
  v1::Event event;
  event.set_note("old");
  std::vector<Problem> problems = {{"old", "old"}};
  std::vector<Problem> warnings = problems;
  EXPECT_TRUE(ParseEvent(EventWith(""), {}, &event, &problems, &warnings));
  EXPECT_FALSE(event.has_note());
  EXPECT_THAT(warnings, IsEmpty());
}

// Whatever comes of an event by chance is refused, or read and printed consistently (see Parse()).
TEST(ParseEventTest, StandsRandomChanges) {
  const std::string seed_event = EventWith(
      R"("Source":[{"IP4":["192.0.2.1/24"],"IP6":["2001:db8::1-2001:db8::2"],"Port":[22,"23"],)"
      R"("Proto":["tcp"],"Spoofed":true,"Own":{"a":[1.50,null]}}],"Confidence":0.5,)"
      R"("EventTime":1577836800.5,"Node":[{"Name":"a.b","AggrWin":"1D00:05:00","SW":[]}],)"
      R"("_Mentat":{"EventClass":"c","SourceResolvedASN":[1]},"Note":"\u0000\ud83d\ude00é")");
  const std::vector<std::string> pieces = {"0",  "1",    "9",  "-",    ".",  "e",    "\"",   ",",
                                           ":",  "{",    "}",  "[",    "]",  "\\",   "\\u0", "T",
                                           "/3", "null", "[]", "true", "1e", "\xc3", "\xa9", "::"};
  const unsigned seed = 42;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  int valid = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string json = seed_event;
    for (size_t changes = 1 + random() % 2; changes > 0; --changes) {
      const size_t at = random() % json.size();
      json.replace(at, random() % 3, pieces[random() % pieces.size()]);
    }
    SCOPED_TRACE(json);
    valid += Parse(json).ok ? 1 : 0;
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(valid, 1000);
}

// ---- Problems.

TEST(ProblemTest, AllAreReportedWithTheirPaths) {
  const Parsed parsed = Parse(R"({"Format":"IDEA1","ID":"a b","Category":"Recon","EventTime":5e99,
      "Source":[{"IP4":["192.0.2.1"]},{"IP4":["x","192.0.2.1",7],"Port":["a"],"Note":null}, 3],
      "Node":[{"Name":"-"}],"Note":["a\nb"]})");
  EXPECT_THAT(
      parsed.problems,
      ElementsAre(
          ProblemIs("Format", "got \"IDEA1\", expected the text \"IDEA0\""),
          ProblemIs("ID", StartsWith("got \"a b\", expected an identifier")),
          ProblemIs("Category", StartsWith("got \"Recon\", expected a list, each item a category")),
          ProblemIs("EventTime", AllOf(StartsWith("got 5e99, expected a time"),
                                       HasSubstr("the years 1 to 9999"))),
          ProblemIs("Source[2].IP4[1]", StartsWith("got \"x\", expected an IPv4 address")),
          ProblemIs("Source[2].IP4[3]", StartsWith("got 7, expected an IPv4 address")),
          ProblemIs("Source[2].Port[1]", "got \"a\", expected a port number"),
          ProblemIs("Source[2].Note", "got null, expected a text"),
          ProblemIs("Source[3]", "got 3, expected an object"),
          ProblemIs("Node[1].Name", StartsWith("got \"-\", expected labels")),
          ProblemIs("Note", "got [\"a\\nb\"], expected a text"),
          ProblemIs("DetectTime", StartsWith("missing, expected a time as"))));
  EXPECT_THAT(Describe(parsed.problems),
              StartsWith("Format: got \"IDEA1\", expected the text \"IDEA0\"; ID: got"));
}

TEST(ProblemTest, MandatoryKeysAreMissed) {
  EXPECT_THAT(Parse("{}").problems,
              ElementsAre(ProblemIs("Category", StartsWith("missing, expected a list")),
                          ProblemIs("DetectTime", StartsWith("missing, expected a time")),
                          ProblemIs("Format", "missing, expected the text \"IDEA0\""),
                          ProblemIs("ID", StartsWith("missing, expected an identifier"))));
}

TEST(ProblemTest, AnEventIsAnObject) {
  for (const char* json : {"[]", "null", "\"IDEA0\"", "5", "true"}) {
    EXPECT_THAT(Parse(json).problems,
                ElementsAre(ProblemIs("", "got " + std::string(json) + ", expected an object")));
  }
}

TEST(ProblemTest, TextThatIsNotJsonSaysWhere) {
  EXPECT_THAT(Parse("").problems, ElementsAre(ProblemIs("", StartsWith("byte 0: the text ends"))));
  EXPECT_THAT(Parse("{\"Note\":\"\xff\"}").problems,
              ElementsAre(ProblemIs("", "byte 9: not UTF-8: 0xff")));
  EXPECT_THAT(Parse("\xef\xbb\xbf" + EventWith("")).problems,
              ElementsAre(ProblemIs("", StartsWith("byte 0: a byte order mark"))));
  EXPECT_THAT(Parse(EventWith("") + "x").problems,
              ElementsAre(ProblemIs("", HasSubstr("more after the end"))));
  EXPECT_THAT(Parse(EventWith(R"("Own":"\ud800")")).problems,
              ElementsAre(ProblemIs("", HasSubstr("surrogate"))));
  EXPECT_THAT(Parse(EventWith("\"Own\":\"a\x01\"")).problems,
              ElementsAre(ProblemIs("", HasSubstr("control character 0x01"))));
  EXPECT_THAT(Parse(R"({"Format":5,)").problems,
              ElementsAre(ProblemIs("Format", "got 5, expected the text \"IDEA0\""),
                          ProblemIs("", StartsWith("byte 12: the text ends"))));
}

TEST(ProblemTest, WhatStoodThereIsShortenedAndEscaped) {
  const std::string long_text(200, 'x');
  EXPECT_THAT(Parse(EventWith("\"ConnCount\":\"" + long_text + "\"")).problems,
              ElementsAre(ProblemIs(
                  "ConnCount", "got \"" + std::string(59, 'x') + "…, expected a whole number")));
  EXPECT_THAT(Parse(EventWith("\"ConnCount\":[\n\"\x7f\xc2\x85é\"]")).problems,
              ElementsAre(ProblemIs("ConnCount",
                                    "got [\\u000a\"\\u007f\\u0085é\"], expected a whole number")));
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += "😀";
  EXPECT_THAT(Parse(EventWith("\"ConnCount\":\"" + wide + "\"")).problems,
              ElementsAre(ProblemIs(
                  "ConnCount", "got \"" + wide.substr(0, 59 * 4) + "…, expected a whole number")));
}

TEST(ProblemTest, KeysThatAreThereTwiceAreNamed) {
  EXPECT_THAT(Parse(EventWith(R"("Note":"a","Note":"b")")).problems,
              ElementsAre(ProblemIs("Note", HasSubstr("more than once"))));
  EXPECT_THAT(Parse(EventWith(R"("Own":1,"Other":2,"Own":3,"Own":4)")).problems,
              ElementsAre(ProblemIs("Own", HasSubstr("more than once"))));
  EXPECT_THAT(Parse(EventWith(R"("\u004fwn":1,"Own":3)")).problems,
              ElementsAre(ProblemIs("Own", HasSubstr("more than once"))));
  EXPECT_THAT(Parse(EventWith(R"("Own":[{"a":{"b":1,"b":2}}])")).problems,
              ElementsAre(ProblemIs("Own[1].a.b", HasSubstr("more than once"))));
  EXPECT_THAT(Parse(EventWith(R"("Source":[{},{"Own":1,"Own":2}])")).problems,
              ElementsAre(ProblemIs("Source[2].Own", HasSubstr("more than once"))));
  EXPECT_TRUE(Parse(EventWith(R"("Own":{"a":{"b":1},"c":{"b":1}},"own":1)")).ok);
}

TEST(ProblemTest, OnlySoManyAreReported) {
  Limits limits;
  limits.max_problems = 3;
  std::string ports;
  for (int i = 0; i < 10; ++i) ports += i == 0 ? "null" : ",null";
  const Parsed parsed = Parse(EventWith("\"Source\":[{\"Port\":[" + ports + "]}]"), limits);
  EXPECT_THAT(parsed.problems, ElementsAre(ProblemIs("Source[1].Port[1]", testing::_),
                                           ProblemIs("Source[1].Port[2]", testing::_),
                                           ProblemIs("Source[1].Port[3]", testing::_),
                                           ProblemIs("", "and 7 more problems")));
}

// ---- Limits.

TEST(LimitTest, Bytes) {
  const std::string json = EventWith("");
  Limits limits;
  limits.max_bytes = json.size();
  EXPECT_TRUE(Parse(json, limits).ok);
  EXPECT_THAT(Parse(json + " ", limits).problems,
              ElementsAre(ProblemIs("", HasSubstr("bytes, expected"))));
}

TEST(LimitTest, Depth) {
  // The event is the first level.
  const auto nested = [](size_t levels) {
    return EventWith("\"Own\":" + std::string(levels - 1, '[') + std::string(levels - 1, ']'));
  };
  EXPECT_TRUE(Parse(nested(kMaxDepth)).ok);
  EXPECT_THAT(Parse(nested(kMaxDepth + 1)).problems,
              ElementsAre(ProblemIs("", HasSubstr("nested too deep"))));
  std::string objects;
  for (size_t i = 1; i < kMaxDepth; ++i) objects += "{\"a\":";
  objects += "1" + std::string(kMaxDepth - 1, '}');
  EXPECT_TRUE(Parse(EventWith("\"Own\":" + objects)).ok);
  Limits limits;
  limits.max_depth = 5;
  EXPECT_TRUE(Parse(nested(5), limits).ok);
  EXPECT_FALSE(Parse(nested(6), limits).ok);
  limits.max_depth = 1'000'000;
  EXPECT_FALSE(Parse(nested(100'000), limits).ok);
  EXPECT_FALSE(Parse(std::string(100'000, '['), limits).ok);
  EXPECT_FALSE(Parse(EventWith("\"Source\":" + std::string(100'000, '[')), limits).ok);
}

TEST(LimitTest, ListItems) {
  Limits limits;
  limits.max_list_items = 3;
  EXPECT_TRUE(Parse(EventWith(R"("Source":[{"Port":[1,2,3]}],"Own":[1,2,3])"), limits).ok);
  EXPECT_THAT(Parse(EventWith(R"("Source":[{"Port":[1,2,3,4]}])"), limits).problems,
              ElementsAre(ProblemIs("Source[1].Port[4]", HasSubstr("expected 3 at most"))));
  EXPECT_THAT(Parse(EventWith(R"("Own":{"a":[1,2,3,4]})"), limits).problems,
              ElementsAre(ProblemIs("Own.a[4]", HasSubstr("expected 3 at most"))));
}

// ---- Unknown keys.

TEST(UnknownKeyTest, AreKeptAtEveryLevel) {
  constexpr std::string_view kOwn = R"({"z":[1,{"b":null,"a":[]}],"é":"\u0000\u0001😀","":{}})";
  const std::string own(kOwn);
  const std::string json = "{\"Attach\":[{\"Own\":" + own +
                           "}],\"Category\":[],\"DetectTime\":\"2024-03-05T15:52:22Z\"," +
                           "\"Format\":\"IDEA0\",\"ID\":\"x\",\"Node\":[{\"Own\":" + own +
                           "}],\"Own\":" + own + ",\"Source\":[{\"Own\":" + own +
                           "}],\"_CESNET\":{\"Own\":" + own + "},\"_Mentat\":{\"Own\":" + own +
                           "},\"\xc5\xbe\":" + own + "}";
  const Parsed parsed = Parse(json);
  ASSERT_TRUE(parsed.ok) << Describe(parsed.problems);
  EXPECT_THAT(parsed.warnings, IsEmpty());
  EXPECT_EQ(PrintEvent(parsed.event), json);
}

TEST(UnknownKeyTest, NumbersStayAsTheyAreWritten) {
  for (const char* number :
       {"1.50", "1e400", "18446744073709551616", "-0", "1E5", "0", "-1", "9223372036854775807",
        "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "0.1", "1e-400",
        "123456789012345678901234567890.123456789012345678901234567890e-10"}) {
    const std::string json = EventWith("\"Own\":{\"n\":[" + std::string(number) + "]}");
    const Parsed parsed = Parse(json);
    ASSERT_TRUE(parsed.ok) << number;
    EXPECT_THAT(PrintEvent(parsed.event),
                HasSubstr("\"Own\":{\"n\":[" + std::string(number) + "]}"));
  }
}

TEST(UnknownKeyTest, AreKeptInTheirOrderAndPrintedSorted) {
  const Parsed parsed = Parse(EventWith(R"("z":1,"Z":2,"A":3)"));
  ASSERT_EQ(parsed.event.unknown_size(), 3);
  EXPECT_EQ(parsed.event.unknown(0).key(), "z");
  EXPECT_EQ(PrintEvent(parsed.event),
            R"({"A":3,"Category":["Test"],"DetectTime":"2024-03-05T15:52:22Z","Format":"IDEA0",)"
            R"("ID":"x","Z":2,"z":1})");
}

TEST(UnknownKeyTest, WarnsOfAnotherCase) {
  const Parsed parsed = Parse(EventWith(R"("Source":[{"ip4":["x"]}],"id":5)"));
  ASSERT_TRUE(parsed.ok);
  EXPECT_THAT(parsed.warnings, ElementsAre(ProblemIs("Source[1].ip4", HasSubstr("IP4")),
                                           ProblemIs("id", HasSubstr("written ID"))));
}

TEST(UnknownKeyTest, HoldWhatMentatsOwnKeysCannot) {
  for (const char* keys : {
           R"("_Mentat":"text")",
           R"("_Mentat":null)",
           R"("_Mentat":[{"EventClass":"x"}])",
           R"("_Mentat":{"EventClass":5})",
           R"("_Mentat":{"EventSubclass":"not a list"})",
           R"("_Mentat":{"ResolvedAbuses":["a",5,null]})",
           R"("_CESNET":{"StorageTime":"yesterday"})",
           R"("_CESNET":{"SourceResolvedASN":[1,{"a":1.50}]})",
           R"("ts":"0xd4bf.1a0x0")",
           R"("ts_u":1351936807.5)",
       }) {
    const Parsed parsed = Parse(EventWith(keys));
    EXPECT_TRUE(parsed.ok) << keys << Describe(parsed.problems);
    EXPECT_THAT(PrintEvent(parsed.event), HasSubstr(keys));
    EXPECT_THAT(Describe(parsed.warnings), HasSubstr("kept as an unknown key")) << keys;
  }
  const Parsed parsed = Parse(EventWith(R"("_Mentat":{"EventClass":5,"Impact":"i"})"));
  EXPECT_EQ(parsed.event.mentat().impact(), "i");
  EXPECT_FALSE(parsed.event.mentat().has_event_class());
  ASSERT_EQ(parsed.event.mentat().unknown_size(), 1);
  EXPECT_EQ(parsed.event.mentat().unknown(0).key(), "EventClass");
  EXPECT_THAT(parsed.warnings,
              ElementsAre(ProblemIs("_Mentat.EventClass",
                                    "got 5, expected a text; kept as an unknown key")));
}

TEST(UnknownKeyTest, HoldEmptyLists) {
  const Parsed parsed = Parse(EventWith(R"("Category":[],"Source":[{"Hostname":[]}],"Target":[])"));
  ASSERT_TRUE(parsed.ok);
  EXPECT_THAT(parsed.warnings, IsEmpty());
  EXPECT_EQ(PrintEvent(parsed.event),
            R"({"Category":[],"DetectTime":"2024-03-05T15:52:22Z","Format":"IDEA0","ID":"x",)"
            R"("Source":[{"Hostname":[]}],"Target":[]})");
}

TEST(PrintEventTest, KeepsTextsExactly) {
  const Parsed parsed = Parse(EventWith(R"("Note":"a\u0000b\u0001\"\\\/\n\ud83d\ude00\u007f")"));
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.event.note(), "a\0b\x01\"\\/\n😀\x7f"s);
  EXPECT_THAT(PrintEvent(parsed.event),
              HasSubstr("\"Note\":\"a\\u0000b\\u0001\\\"\\\\/\\n😀\x7f\""));
}

TEST(PrintEventTest, IsJsonWhateverAMessageHolds) {
  v1::Event event;
  event.set_confidence(std::numeric_limits<double>::quiet_NaN());
  event.set_note("n");
  v1::Member* member = event.add_unknown();
  member->set_key("Note");
  member->mutable_value()->set_number("1,2");
  member = event.add_unknown();
  member->set_key("N");
  member->mutable_value()->set_number("1,2");
  EXPECT_EQ(PrintEvent(event), R"({"Confidence":null,"N":"1,2","Note":"n"})");
}

// ---- Values and fields.

TEST(ParseValueTest, IsReadAndPrintedExactly) {
  for (const char* json : {"null", "true", "1", "-0", "1.50", R"("é\u0000")", "[]", "{}",
                           R"({"b":[1,{"a":null}],"a":{}})"}) {
    const auto value = ParseValue(json);
    ASSERT_THAT(value, IsOk()) << json;
    EXPECT_EQ(PrintValue(*value), json);
  }
  EXPECT_THAT(ParseValue("[1,]"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("byte 3")));
  EXPECT_THAT(ParseValue(R"({"a":[{"b":1,"b":2}]})"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("a[1].b: the key")));
  EXPECT_THAT(ParseValue("[[1],[1,2,3]]", {.max_list_items = 2}),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[2][3]: ")));
}

TEST(FieldTest, AreFoundByTheirKeys) {
  const auto& event = *v1::Event::descriptor();
  ASSERT_NE(FindField(event, "ID"), nullptr);
  EXPECT_EQ(FindField(event, "ID")->name(), "id");
  EXPECT_EQ(FindField(event, "_Mentat")->name(), "mentat");
  EXPECT_EQ(FindField(event, "id"), nullptr);
  EXPECT_EQ(FindField(event, ""), nullptr);
  EXPECT_EQ(FindField(event, "unknown"), nullptr);
  EXPECT_EQ(FindField(*v1::SourceTarget::descriptor(), "IP4")->name(), "ip4");
  EXPECT_EQ(FindField(*v1::Annotations::descriptor(), "EventClass")->name(), "event_class");
}

TEST(FieldTest, AllAreFoundAndHaveAType) {
  for (const auto* message :
       {v1::Event::descriptor(), v1::SourceTarget::descriptor(), v1::Attach::descriptor(),
        v1::Node::descriptor(), v1::Annotations::descriptor()}) {
    for (int i = 0; i < message->field_count(); ++i) {
      const auto* field = message->field(i);
      const auto type = field->options().GetExtension(v1::idea_type);
      if (type == v1::IDEA_TYPE_UNKNOWN_KEYS) continue;
      EXPECT_EQ(FindField(*message, field->json_name()), field) << field->full_name();
      EXPECT_EQ(type == v1::IDEA_TYPE_UNSPECIFIED,
                field->message_type() != nullptr && field->message_type()->field_count() > 4)
          << field->full_name();
    }
  }
}

TEST(FieldTest, AreSetAndGot) {
  v1::SourceTarget source;
  const auto& ip4 = *FindField(*source.GetDescriptor(), "IP4");
  const auto& note = *FindField(*source.GetDescriptor(), "Note");
  v1::Value value;
  value.set_text("192.0.2.9-192.0.2.1");
  ASSERT_THAT(SetField(ip4, value, &source), IsOk());
  value.set_text("192.0.2.0/24");
  ASSERT_THAT(SetField(ip4, value, &source), IsOk());
  EXPECT_EQ(GetField(source, ip4, 0).text(), "192.0.2.1-192.0.2.9");
  EXPECT_EQ(GetField(source, ip4, 1).text(), "192.0.2.0/24");
  value.set_text("x");
  EXPECT_THAT(SetField(ip4, value, &source),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith("IP4: got \"x\", expected an IPv4 address")));
  EXPECT_EQ(source.ip4_size(), 2);
  ASSERT_THAT(SetField(note, value, &source), IsOk());
  EXPECT_EQ(GetField(source, note, 0).text(), "x");
  value.set_integer(5);
  EXPECT_FALSE(SetField(note, value, &source).ok());
  EXPECT_EQ(source.note(), "x");
}

TEST(FieldTest, TakesTheHeldValueAway) {
  Parsed parsed = Parse(EventWith(R"("Source":[{"Hostname":[]}])"));
  v1::SourceTarget* source = parsed.event.mutable_source(0);
  ASSERT_EQ(source->unknown_size(), 1);
  v1::Value value;
  value.set_text("example.org");
  ASSERT_THAT(SetField(*FindField(*source->GetDescriptor(), "Hostname"), value, source), IsOk());
  EXPECT_EQ(source->unknown_size(), 0);
  EXPECT_THAT(source->hostname(), ElementsAre("example.org"));
}

TEST(FieldTest, ObjectsAreSetAsAWhole) {
  v1::Event event;
  const auto& mentat = *FindField(*event.GetDescriptor(), "_Mentat");
  event.mutable_mentat()->set_impact("old");
  ASSERT_THAT(SetField(mentat, *ParseValue(R"({"EventClass":"c","Own":1.50})"), &event), IsOk());
  EXPECT_EQ(PrintValue(GetField(event, mentat, 0)), R"({"EventClass":"c","Own":1.50})");
  EXPECT_FALSE(SetField(mentat, *ParseValue("[]"), &event).ok());
  EXPECT_EQ(event.mentat().event_class(), "c");
}

}  // namespace
}  // namespace mentat::idea
