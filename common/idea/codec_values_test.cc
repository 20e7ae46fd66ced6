// What each type accepts, refuses and converts.
#include <string>
#include <vector>

#include "common/idea/codec.h"
#include "common/idea/codec_test_util.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

struct ValueCase {
  const char* key;      // `Source.IP4` for a key of the first source
  const char* value;    // JSON
  const char* printed;  // what it becomes; null if it is refused
  bool warns = false;
};

// `"Source":[{"IP4":VALUE}]`
std::string KeyWith(std::string_view key, std::string_view value) {
  const size_t dot = key.find('.');
  const std::string text = "\"" + std::string(key.substr(dot + 1)) + "\":" + std::string(value);
  if (dot == std::string_view::npos) return text;
  const std::string outer = "\"" + std::string(key.substr(0, dot)) + "\":";
  return key.front() == '_' ? outer + "{" + text + "}" : outer + "[{" + text + "}]";
}

class ValueTest : public testing::TestWithParam<ValueCase> {};

TEST_P(ValueTest, IsReadAs) {
  const ValueCase& row = GetParam();
  const std::string json = EventWith(KeyWith(row.key, row.value));
  SCOPED_TRACE(json);
  const Parsed parsed = Parse(json);
  ASSERT_EQ(parsed.ok, row.printed != nullptr) << Describe(parsed.problems);
  if (!parsed.ok) return;
  EXPECT_THAT(PrintEvent(parsed.event), HasSubstr(KeyWith(row.key, row.printed)));
  EXPECT_EQ(parsed.warnings.empty(), !row.warns) << Describe(parsed.warnings);
}

// Where the validators of the reference implementation disagree.
INSTANTIATE_TEST_SUITE_P(
    Disagreements, ValueTest,
    testing::Values(
        ValueCase{"DetectTime", R"("2020-01-01T00:00:00")", R"("2020-01-01T00:00:00Z")", true},
        ValueCase{"DetectTime", R"("2020-02-30T00:00:00Z")", nullptr},
        ValueCase{"DetectTime", R"("2020-01-01T00:00:00.5+02:00")",
                  R"("2019-12-31T22:00:00.500000Z")"},
        ValueCase{"DetectTime", R"("2020-01-01T00:00:00-02:30")", R"("2020-01-01T02:30:00Z")"},
        ValueCase{"DetectTime", "1577836800", R"("2020-01-01T00:00:00Z")", true},
        ValueCase{"Source.Port", R"(["22"])", "[22]", true},
        ValueCase{"Source.Port", "[22.9]", nullptr},
        ValueCase{"Source.IP4", R"(["1.2.3.9-1.2.3.4"])", R"(["1.2.3.4-1.2.3.9"])"},
        ValueCase{"Source.IP4", R"(["1.2.3.77/24"])", R"(["1.2.3.77/24"])"},
        ValueCase{"Source.IP6", R"(["2001:DB8:0::1"])", R"(["2001:db8::1"])"},
        ValueCase{"Node.Name", R"("Cz.Foo-bar")", R"("Cz.Foo-bar")"},
        ValueCase{"Source.Proto", R"(["a--b"])", nullptr}, ValueCase{"Confidence", "1.5", nullptr},
        ValueCase{"Confidence", "1.0000000000000000001", nullptr},
        ValueCase{"Confidence", "-1e-400", nullptr}, ValueCase{"ConnCount", "-1", "-1"},
        ValueCase{"Category", "[]", "[]"}, ValueCase{"Note", "null", nullptr},
        ValueCase{"Source.Type", R"("Bot")", nullptr}, ValueCase{"Source.Port", "22", nullptr},
        ValueCase{"Source.Port", R"("22")", nullptr}, ValueCase{"Source", "{}", nullptr},
        ValueCase{"Source", R"({"IP4":["1.2.3.4"]})", nullptr},
        ValueCase{"Source", R"(["a"])", nullptr}));

INSTANTIATE_TEST_SUITE_P(
    Times, ValueTest,
    testing::Values(
        ValueCase{"EventTime", R"("2020-01-01t00:00:00z")", R"("2020-01-01T00:00:00Z")"},
        ValueCase{"EventTime", R"("2020-01-01 00:00:00Z")", R"("2020-01-01T00:00:00Z")"},
        ValueCase{"EventTime", R"("1577836800")", R"("2020-01-01T00:00:00Z")", true},
        ValueCase{"EventTime", "1577836800.25", R"("2020-01-01T00:00:00.250000Z")", true},
        ValueCase{"EventTime", "1577836800.1234567", R"("2020-01-01T00:00:00.123456Z")", true},
        ValueCase{"EventTime", "-0.5", R"("1969-12-31T23:59:59.500000Z")", true},
        ValueCase{"EventTime", "1.5778368e9", R"("2020-01-01T00:00:00Z")", true},
        ValueCase{"EventTime", "1577836800123456.9e-6", R"("2020-01-01T00:00:00.123456Z")", true},
        ValueCase{"EventTime", "157783680099999999999e-11", R"("2020-01-01T00:00:00.999999Z")",
                  true},
        ValueCase{"EventTime", "0", R"("1970-01-01T00:00:00Z")", true},
        ValueCase{"EventTime", "253402300800", nullptr}, ValueCase{"EventTime", "1e400", nullptr},
        ValueCase{"EventTime", "-1e18", nullptr},
        ValueCase{"EventTime", "99999999999999999999999", nullptr},
        ValueCase{"EventTime", R"("")", nullptr}, ValueCase{"EventTime", R"("now")", nullptr},
        ValueCase{"EventTime", "true", nullptr}, ValueCase{"EventTime", "null", nullptr},
        ValueCase{"EventTime", "[]", nullptr}, ValueCase{"EventTime", "{}", nullptr},
        ValueCase{"EventTime", R"("2020-99-99T99:99:99Z")", nullptr},
        ValueCase{"Node.AggrWin", R"("00:05:00")", R"("00:05:00")"},
        ValueCase{"Node.AggrWin", R"("2d00:00:00.00005")", R"("2D00:00:00.000050")"},
        ValueCase{"Node.AggrWin", R"("99:99:99")", R"("4D04:40:39")"},
        ValueCase{"Node.AggrWin", "300", R"("00:05:00")", true},
        ValueCase{"Node.AggrWin", R"("300.5")", R"("00:05:00.500000")", true},
        ValueCase{"Node.AggrWin", "99999999999999999999e-20", R"("00:00:00.999999")", true},
        ValueCase{"Node.AggrWin", "9223372036854.775807", R"("106751991D04:00:54.775807")", true},
        ValueCase{"Node.AggrWin", "9223372036854.775808", nullptr},
        ValueCase{"Node.AggrWin", "-5", nullptr}, ValueCase{"Node.AggrWin", "1e18", nullptr},
        ValueCase{"Node.AggrWin", R"("5 minutes")", nullptr},
        ValueCase{"Node.AggrWin", "true", nullptr}));

INSTANTIATE_TEST_SUITE_P(
    Numbers, ValueTest,
    testing::Values(
        ValueCase{"ConnCount", "0", "0"}, ValueCase{"ConnCount", "-0", "0"},
        ValueCase{"ConnCount", "9223372036854775807", "9223372036854775807"},
        ValueCase{"ConnCount", "-9223372036854775808", "-9223372036854775808"},
        ValueCase{"ConnCount", "9223372036854775808", "9223372036854775808", true},
        ValueCase{"ConnCount", "-99999999999999999999", "-99999999999999999999", true},
        ValueCase{"ConnCount", "22.0", "22", true}, ValueCase{"ConnCount", "1e3", "1000", true},
        ValueCase{"ConnCount", "1e400", nullptr}, ValueCase{"ConnCount", "1e30", nullptr},
        ValueCase{"ConnCount", "9007199254740993.0", "9007199254740993", true},
        ValueCase{"ConnCount", "1e18", "1000000000000000000", true},
        ValueCase{"ConnCount", "4503599627370496.3", nullptr},
        ValueCase{"ConnCount", "22.00000000000000000001", nullptr},
        ValueCase{"ConnCount", "1e-400", nullptr}, ValueCase{"ConnCount", "1e19", nullptr},
        ValueCase{"ConnCount", "0.1", nullptr}, ValueCase{"ConnCount", R"("007")", "7", true},
        ValueCase{"ConnCount", R"("+7")", "7", true}, ValueCase{"ConnCount", R"("-7")", "-7", true},
        ValueCase{"ConnCount", R"("")", nullptr}, ValueCase{"ConnCount", R"("-")", nullptr},
        ValueCase{"ConnCount", R"("+-7")", nullptr}, ValueCase{"ConnCount", R"(" 7")", nullptr},
        ValueCase{"ConnCount", R"("7.0")", nullptr},
        ValueCase{"ConnCount", R"("99999999999999999999")", nullptr},
        ValueCase{"ConnCount", "true", nullptr}, ValueCase{"ConnCount", "null", nullptr},
        ValueCase{"Source.Port", "[0,65535,70000,-1]", "[0,65535,70000,-1]"},
        ValueCase{"Source.Port", "[22,99999999999999999999]", "[22,99999999999999999999]", true},
        ValueCase{"Source.Port", R"([99999999999999999999,"x"])", nullptr},
        ValueCase{"Source.Port", "[]", "[]"}, ValueCase{"Source.Port", "[[22]]", nullptr},
        ValueCase{"Confidence", "0", "0"}, ValueCase{"Confidence", "1", "1"},
        ValueCase{"Confidence", "1.0", "1"}, ValueCase{"Confidence", "0.50", "0.5"},
        ValueCase{"Confidence", "5e-1", "0.5"}, ValueCase{"Confidence", "-0", "0"},
        ValueCase{"Confidence", "0.1", "0.1"},
        ValueCase{"Confidence", "0.99999999999999999999", "1"},
        ValueCase{"Confidence", "1e-400", "0"},
        ValueCase{"Confidence", "0.30000000000000004", "0.30000000000000004"},
        ValueCase{"Confidence", "1e-400", "0"}, ValueCase{"Confidence", "1e-7", "1e-07"},
        ValueCase{"Confidence", R"("0.5")", "0.5", true},
        ValueCase{"Confidence", "1.0000000001", nullptr}, ValueCase{"Confidence", "-0.1", nullptr},
        ValueCase{"Confidence", "1e400", nullptr}, ValueCase{"Confidence", R"("high")", nullptr},
        ValueCase{"Confidence", R"("nan")", nullptr}, ValueCase{"Confidence", "true", nullptr},
        ValueCase{"Source.Spoofed", "true", "true"}, ValueCase{"Source.Spoofed", "false", "false"},
        ValueCase{"Source.Spoofed", "1", nullptr}, ValueCase{"Source.Spoofed", "0", nullptr},
        ValueCase{"Source.Spoofed", R"("no")", nullptr},
        ValueCase{"Source.Spoofed", "null", nullptr}));

INSTANTIATE_TEST_SUITE_P(
    Addresses, ValueTest,
    testing::Values(
        ValueCase{"Source.IP4", R"(["0.0.0.0/0","1.2.3.4/32"])", R"(["0.0.0.0/0","1.2.3.4/32"])"},
        ValueCase{"Source.IP4", R"(["1.2.3.4/33"])", nullptr},
        ValueCase{"Source.IP4", R"(["1.2.3.4/-1"])", nullptr},
        ValueCase{"Source.IP4", R"(["01.2.3.4"])", nullptr},
        ValueCase{"Source.IP4", R"(["1.2.3.4\u0000"])", nullptr},
        ValueCase{"Source.IP4", R"(["::1"])", nullptr},
        ValueCase{"Source.IP4", "[16909060]", nullptr}, ValueCase{"Source.IP4", "[null]", nullptr},
        ValueCase{"Source.IP6", R"(["::FFFF:192.0.2.1","::/0","2001:DB8::/32"])",
                  R"(["::ffff:192.0.2.1","::/0","2001:db8::/32"])"},
        ValueCase{"Source.IP6", R"(["2001:db8::9-2001:db8::1"])", R"(["2001:db8::1-2001:db8::9"])"},
        ValueCase{"Source.IP6", R"(["::1/129"])", nullptr},
        ValueCase{"Source.IP6", R"(["fe80::1%eth0"])", nullptr},
        ValueCase{"Source.IP6", R"(["192.0.2.1"])", nullptr}));

struct SyntaxCase {
  const char* key;
  std::vector<std::string> accepted;  // texts as they stand in JSON
  std::vector<std::string> refused;
  bool is_list = true;
};

class SyntaxTest : public testing::TestWithParam<SyntaxCase> {};

TEST_P(SyntaxTest, AcceptsAndRefuses) {
  const SyntaxCase& row = GetParam();
  const auto event = [&](const std::string& json) {
    return EventWith(KeyWith(row.key, row.is_list ? "[" + json + "]" : json));
  };
  for (const std::string& text : row.accepted) {
    const std::string json = event("\"" + text + "\"");
    const Parsed parsed = Parse(json);
    EXPECT_TRUE(parsed.ok) << json << "\n" << Describe(parsed.problems);
    EXPECT_THAT(parsed.warnings, IsEmpty()) << json;
    EXPECT_THAT(PrintEvent(parsed.event), HasSubstr("\"" + text + "\""));
  }
  for (const std::string& text : row.refused) {
    EXPECT_FALSE(Parse(event("\"" + text + "\"")).ok) << event("\"" + text + "\"");
  }
  for (const char* json : {"5", "null", "true", "{}", "[\"IDEA0\"]"}) {
    EXPECT_FALSE(Parse(event(json)).ok) << event(json);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Types, SyntaxTest,
    testing::Values(
        SyntaxCase{"Format", {"IDEA0"}, {"", "IDEA1", "idea0", "IDEA0 "}, false},
        SyntaxCase{
            "ID", {"a", "4dd7cf5e-4a95-49f6", "A.b_c-9"}, {"", "a b", "a/b", "é", "a\\n"}, false},
        SyntaxCase{"CorrelID", {"a.b"}, {"", "a:b"}},
        SyntaxCase{"Note", {"", " ", "é😀", "\\\"\\\\", "IDEA0"}, {}, false},
        SyntaxCase{"Source.URL", {"not a URL at all"}, {}},
        SyntaxCase{"Category",
                   {"Recon", "Recon.Scanning", "My-Own_1.x"},
                   {"", ".", "a.", ".a", "a.b.c", "a b", "é", "Recon.Scanning\\n"}},
        SyntaxCase{"Source.Type", {"Botnet", "a_b-9"}, {"", "a.b", "a b"}},
        SyntaxCase{"Node.Type", {"Flow"}, {"", "a.b"}},
        SyntaxCase{"Attach.Type", {"OrigData"}, {"", "a/b"}},
        SyntaxCase{"Source.Proto",
                   {"tcp", "TCP", "ipv6-icmp", "a-1-b", "6to4"},
                   {"", "6", "-tcp", "tcp-", "a--b", "a_b", "1-2"}},
        SyntaxCase{"Attach.Handle", {"att1", "_x"}, {"", "1a", "a-b", "a.b"}, false},
        SyntaxCase{"Source.AttachHand", {"att1"}, {"", "1a"}},
        SyntaxCase{"Node.Name",
                   {"cz.example.ids", "Cz.Foo-bar", "9a._b", "a"},
                   {"", ".", "a.", ".a", "a..b", "-a", "a.-b", "a b"},
                   false},
        SyntaxCase{"Source.MAC",
                   {"00:1a:2B:3c:4D:5e"},
                   {"", "00:1a:2b:3c:4d", "00-1a-2b-3c-4d-5e", "00:1a:2b:3c:4d:5g",
                    "00:1a:2b:3c:4d:5e:", "001a:2b:3c:4d:5e:"}},
        SyntaxCase{"Source.Netname", {"ripe:EXAMPLE-NET"}, {"", "ripe", ":x", "1a:x", "ripe:a b"}},
        SyntaxCase{"Attach.Hash", {"sha1:abcdef", "md5:"}, {"", "abcdef", "sha 1:a"}},
        SyntaxCase{"Ref",
                   {"https://example.org/a?b=[c]#d%20", "urn:cve:CVE-2024-1", "cve:CVE-2024-1"},
                   {"", "example.org", "https://example.org/a b", "https://example.org/\\\"",
                    "https://example.org/é", "https://example.org/<x>"}},
        SyntaxCase{"Attach.ContentType",
                   {"text/plain", "application/vnd.ms-x+xml"},
                   {"", "text", "text/", "/plain", "text/plain; charset=utf-8"},
                   false},
        SyntaxCase{
            "Attach.ContentCharset", {"utf-8", "ISO_8859-1:1987", "x(y)"}, {"", "a b"}, false},
        SyntaxCase{"Attach.ContentEncoding", {"base64"}, {"", "gzip", "base64 "}, false}));

}  // namespace
}  // namespace mentat::idea
