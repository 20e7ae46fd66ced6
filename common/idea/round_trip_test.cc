// Events of every kind, large and odd, through JSON and protobuf: what was normalised once comes
// out byte by byte as it went in, and no value is another one afterwards.
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/idea/codec.h"
#include "common/idea/codec_test_util.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mentat::idea {
namespace {

using Json = nlohmann::json;  // an object's keys sorted, as events are printed

// The JSON after a way through the typed event and its bytes.
std::string Normalise(std::string_view json) {
  v1::Event event;
  std::vector<Problem> problems;
  EXPECT_TRUE(ParseEvent(json, {}, &event, &problems)) << Describe(problems);
  v1::Event moved;
  EXPECT_TRUE(moved.ParseFromString(event.SerializeAsString()));
  return PrintEvent(moved);
}

// Events in the form in which they are printed, made at random of all keys and unknown ones.
class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  Json Event() {
    Json event = {{"Format", "IDEA0"}, {"ID", Id()}, {"DetectTime", Time()}};
    event["Category"] = List([&] { return Pick({"Test", "Recon.Scanning", "My-Own_1.x"}); });
    Maybe(event, {"CreateTime", "EventTime", "CeaseTime", "WinStartTime", "WinEndTime"},
          [&] { return Time(); });
    Maybe(event, {"ConnCount", "FlowCount", "PacketCount", "ByteCount"}, [&] { return Integer(); });
    Maybe(event, {"Description", "Note"}, [&] { return Text(); });
    Maybe(event, {"AltNames"}, [&] { return List([&] { return Text(); }); });
    Maybe(event, {"CorrelID", "AggrID", "PredID", "RelID"},
          [&] { return List([&] { return Id(); }); });
    Maybe(event, {"Confidence"}, [&] { return Number(0, 64) / 64.0 + 1.0 / 128; });
    if (event.contains("Confidence") && event["Confidence"] > 1) event.erase("Confidence");
    Maybe(event, {"Source", "Target"}, [&] { return List([&] { return Party(); }); });
    Maybe(event, {"Node"}, [&] { return List([&] { return Node(); }); });
    Maybe(event, {"Attach"}, [&] { return List([&] { return Attach(); }); });
    Maybe(event, {"_Mentat", "_CESNET"}, [&] { return Annotations(); });
    AddUnknown(event);
    return event;
  }

  Json Unknown(int depth) {
    switch (Number(0, depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return Number(0, 1) == 1;
      case 2:
        return Integer();
      case 3:
        return static_cast<double>(Number(-1000, 1000)) / 64;
      case 4:
      case 5:
      case 6:
        return Text();
      case 7: {
        Json list = Json::array();
        for (int i = Number(0, 4); i > 0; --i) list.push_back(Unknown(depth - 1));
        return list;
      }
      default: {
        Json object = Json::object();
        for (int i = Number(0, 4); i > 0; --i) object[Text()] = Unknown(depth - 1);
        return object;
      }
    }
  }

 private:
  int Number(int least, int most) { return std::uniform_int_distribution<>(least, most)(random_); }
  std::string Pick(std::vector<std::string> texts) {
    return texts[static_cast<size_t>(Number(0, static_cast<int>(texts.size()) - 1))];
  }
  int64_t Integer() {
    const auto any = static_cast<int64_t>(random_());
    return any >> Number(0, 63);
  }
  std::string Id() { return "id-" + std::to_string(random_()) + "._"; }
  std::string Text() {
    static const std::vector<std::string> kPieces = {"a",
                                                     "Z9",
                                                     " ",
                                                     "\"",
                                                     "\\",
                                                     "/",
                                                     std::string(1, '\0'),
                                                     "\n",
                                                     "\t",
                                                     "\x1f",
                                                     "\x7f",
                                                     "\xc2\x80",
                                                     "é",
                                                     "€",
                                                     "\xef\xbb\xbf",
                                                     "\xef\xbf\xbf",
                                                     "😀",
                                                     "\xe2\x80\xa8",
                                                     "\xf4\x8f\xbf\xbf",
                                                     "e\xcc\x81",
                                                     "{",
                                                     "]",
                                                     "\\u0041"};
    std::string text;
    for (int i = Number(0, 6); i > 0; --i) text += Pick(kPieces);
    return text;
  }
  std::string Time() {
    const auto two = [&](int least, int most) {
      const std::string digits = std::to_string(Number(least, most));
      return digits.size() == 1 ? "0" + digits : digits;
    };
    std::string time = std::to_string(Number(1000, 9999)) + "-" + two(1, 12) + "-" + two(1, 28) +
                       "T" + two(0, 23) + ":" + two(0, 59) + ":" + two(0, 59);
    if (Number(0, 1) == 1) time += "." + std::to_string(Number(100'000, 999'999));
    return time + "Z";
  }
  std::string Ip4() {
    std::string address;
    for (int i = 0; i < 4; ++i) {
      address += std::string(i == 0 ? "" : ".") + std::to_string(Number(0, i == 0 ? 100 : 255));
    }
    switch (Number(0, 2)) {
      case 0:
        return address;
      case 1:
        return address + "/" + std::to_string(Number(0, 32));
      default:
        return address + "-101.2.3.4";
    }
  }
  std::string Ip6() {
    const std::string address =
        "2001:db8:" + Pick({"1", "ff", "abcd"}) + "::" + Pick({"1", "ffff", "1:2", "a:b:c"});
    switch (Number(0, 2)) {
      case 0:
        return address;
      case 1:
        return address + "/" + std::to_string(Number(0, 128));
      default:
        return address + "-2001:db9::";
    }
  }

  template <typename Make>
  Json List(const Make& make) {
    Json list = Json::array();
    for (int i = Number(0, 3); i > 0; --i) list.push_back(make());
    return list;
  }
  template <typename Make>
  void Maybe(Json& object, const std::vector<std::string>& keys, const Make& make) {
    for (const std::string& key : keys) {
      if (Number(0, 2) == 0) object[key] = make();
    }
  }
  void AddUnknown(Json& object) {
    for (int i = Number(0, 3); i > 0; --i) object["x" + Text()] = Unknown(4);
  }

  Json Party() {
    Json party = Json::object();
    Maybe(party, {"IP4"}, [&] { return List([&] { return Ip4(); }); });
    Maybe(party, {"IP6"}, [&] { return List([&] { return Ip6(); }); });
    Maybe(party, {"Port", "ASN"}, [&] { return List([&] { return Integer(); }); });
    Maybe(party, {"Hostname", "URL", "Email", "Router"},
          [&] { return List([&] { return Text(); }); });
    Maybe(party, {"Type"}, [&] { return List([&] { return Pick({"Botnet", "a_b-9"}); }); });
    Maybe(party, {"Proto"}, [&] { return List([&] { return Pick({"tcp", "ipv6-icmp"}); }); });
    Maybe(party, {"MAC"}, [&] { return List([&] { return Pick({"00:1a:2B:3c:4D:5e"}); }); });
    Maybe(party, {"Netname", "Ref"}, [&] { return List([&] { return Pick({"ripe:A-B"}); }); });
    Maybe(party, {"AttachHand"}, [&] { return List([&] { return Pick({"att1", "_x"}); }); });
    Maybe(party, {"Spoofed", "Imprecise", "Anonymised"}, [&] { return Number(0, 1) == 1; });
    Maybe(party, {"Note"}, [&] { return Text(); });
    AddUnknown(party);
    return party;
  }
  Json Node() {
    Json node = Json::object();
    Maybe(node, {"Name"}, [&] { return Pick({"cz.example.ids", "Cz.Foo-bar", "9a._b"}); });
    Maybe(node, {"Type"}, [&] { return List([&] { return Pick({"Flow"}); }); });
    Maybe(node, {"SW"}, [&] { return List([&] { return Text(); }); });
    Maybe(node, {"AggrWin"}, [&] { return Pick({"00:05:00", "2D01:30:00.500000", "00:00:00"}); });
    Maybe(node, {"Note"}, [&] { return Text(); });
    AddUnknown(node);
    return node;
  }
  Json Attach() {
    Json attach = Json::object();
    Maybe(attach, {"Handle"}, [&] { return Pick({"att1"}); });
    Maybe(attach, {"FileName", "ContentID"}, [&] { return List([&] { return Text(); }); });
    Maybe(attach, {"Hash", "Ref", "ExternalURI"}, [&] {
      return List([&] { return Pick({"sha1:ab", "md5:"}); });
    });
    Maybe(attach, {"Size"}, [&] { return Integer(); });
    Maybe(attach, {"ContentType"}, [&] { return Pick({"text/plain"}); });
    Maybe(attach, {"ContentCharset"}, [&] { return Pick({"utf-8"}); });
    Maybe(attach, {"ContentEncoding"}, [&] { return Pick({"base64"}); });
    Maybe(attach, {"Content", "Note"}, [&] { return Text(); });
    AddUnknown(attach);
    return attach;
  }
  // Whatever stands there is kept, of the right type or not.
  Json Annotations() {
    Json annotations = Json::object();
    Maybe(annotations, {"EventClass", "EventSeverity", "Impact"}, [&] { return Text(); });
    Maybe(annotations, {"StorageTime"}, [&] { return Time(); });
    Maybe(annotations, {"ResolvedAbuses", "InspectionErrors"},
          [&] { return List([&] { return Text(); }); });
    Maybe(annotations, {"SourceResolvedASN"}, [&] { return List([&] { return Integer(); }); });
    Maybe(annotations, {"EventTemplate", "TargetClass"}, [&] {
      return Json{{"not", "a text"}, {"a", Integer()}};
    });
    AddUnknown(annotations);
    return annotations;
  }

  std::mt19937_64 random_;
};

TEST(RoundTripTest, RandomEventsInNormalFormAreKeptByteByByte) {
  const uint64_t seed = 8259;
  SCOPED_TRACE(seed);
  Maker maker(seed);
  size_t largest = 0;
  for (int i = 0; i < 2000; ++i) {
    const Json event = maker.Event();
    const std::string json = event.dump();
    largest = std::max(largest, json.size());
    ASSERT_EQ(Normalise(json), json);
  }
  EXPECT_GT(largest, 2500u);
}

// Other blanks, escapes and orders of keys are the same event.
TEST(RoundTripTest, RandomEventsInOtherFormsBecomeTheSame) {
  Maker maker(4627);
  for (int i = 0; i < 500; ++i) {
    const Json event = maker.Event();
    const std::string json = event.dump();
    ASSERT_EQ(Normalise(event.dump(3, '\t', /*ensure_ascii=*/true)), json);
    // The keys of the event itself in reverse.
    std::string reversed = "\r\n{ ";
    for (auto item = event.rbegin(); item != event.rend(); ++item) {
      if (reversed.size() > 4) reversed += " , ";
      reversed += Json(item.key()).dump() + " : " + item.value().dump();
    }
    ASSERT_EQ(Normalise(reversed + "\t}\n"), json);
  }
}

TEST(RoundTripTest, NormalisingTwiceIsNormalisingOnce) {
  for (
      const char* keys : {
          R"("DetectTime":1577836800.1234567,"EventTime":"1577836800","CreateTime":"2020-01-01 00:00:00")",
          R"("DetectTime":"2020-01-01t00:00:00.9999999999+14:00","CeaseTime":-0.5)",
          R"("Source":[{"IP4":["1.2.3.9-1.2.3.4","1.2.3.77/24","0.0.0.0/0"],"Port":["007",22.0,1e3]}])",
          R"("Source":[{"IP6":["2001:DB8:0:0:0:0:0:1","::FFFF:1.2.3.4","::1.2.3.4/96","ff::9-ff::1"]}])",
          R"("Source":[{"Port":[1,99999999999999999999,-99999999999999999999]}],"ConnCount":9223372036854775808)",
          R"("Confidence":0.30000000000000004,"FlowCount":-0,"PacketCount":1E2,"ByteCount":"+7")",
          R"("Confidence":1e-400,"Node":[{"AggrWin":300.0000005},{"AggrWin":"99:99:99"},{"AggrWin":"2d00:00:00"}])",
          R"("Attach":[{"ContentEncoding":"BASE64","Size":"12"}],"AltNames":[],"Source":[],"Target":[{}])",
          R"("_Mentat":{"EventClass":5,"StorageTime":"x","Own":[1.0,1.50,1e400,-0,0E-0]},"ts":0,"ts_u":"0")",
          R"("Own":{"z":1,"a":{"y":[],"b":{}}},"own":"\u0041\/\u00e9\ud83d\ude00\u007f","":0,"\u0000":1)",
      }) {
    const std::string once = Normalise(EventWith(keys));
    EXPECT_EQ(Normalise(once), once) << keys;
  }
}

// ---- Large ones.

TEST(RoundTripTest, LargeEventsAreKeptByteByByte) {
  Maker maker(5);
  // Nearly five MiB of one text, of many keys and values, of many parties.
  constexpr size_t kLarge = 4'400'000;
  Json base = {{"Category", {"Test"}},
               {"DetectTime", "2024-03-05T15:52:22Z"},
               {"Format", "IDEA0"},
               {"ID", "large"}};

  Json text = base;
  std::string note;
  while (note.size() < kLarge) note += "é😀 plain text \\ \n";
  text["Note"] = note;

  Json keys = base;
  for (size_t i = 0, size = 0; size < kLarge; ++i) {
    const std::string key = "x" + std::to_string(i);
    const Json value = maker.Unknown(6);
    size += key.size() + value.dump().size() + 4;
    keys[key] = value;
  }

  Json parties = base;
  for (size_t i = 0; i < 90'000; ++i) {
    parties["Source"].push_back(
        {{"IP4", {"192.0.2." + std::to_string(i % 256)}}, {"Note", "a party"}, {"Port", {i}}});
  }

  for (const Json& event : {text, keys, parties}) {
    const std::string json = event.dump();
    EXPECT_GT(json.size(), 4'000'000u);
    ASSERT_LE(json.size(), Limits().max_bytes);
    EXPECT_TRUE(Normalise(json) == json);  // without both in the message
  }
}

}  // namespace
}  // namespace mentat::idea
