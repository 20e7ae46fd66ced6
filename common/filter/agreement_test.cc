// The predicates and the evaluator are of the same opinion on random rules and events.
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/filter/filter.h"
#include "common/idea/codec.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string Expression(int depth) {
    if (depth == 0) return Comparison();
    switch (random_() % 8) {
      case 0:
        return "not (" + Expression(depth - 1) + ")";
      case 1:
        return "exists (" + Expression(depth - 1) + ")";
      case 2:
      case 3:
      case 4:
      case 5: {
        std::string chain = "(" + Expression(depth - 1) + ")";
        const std::string op(One({"or", "and", "xor", "||", "&&", "^^"}));
        for (int i = random_() % 3 + 1; i > 0; --i) {
          chain += " " + op + " (" + Expression(depth - 1) + ")";
        }
        return chain;
      }
      default:
        return Comparison();
    }
  }

  std::string Event() {
    std::string event =
        R"({"Format":"IDEA0","ID":"x","DetectTime":"2024-03-05T15:52:22Z","Category":)" +
        List({"\"Test\"", "\"Other\"", "\"Recon.Scanning\""});
    if (Coin()) event += ",\"ConnCount\":" + std::string(One({"0", "1", "42", "-7"}));
    if (Coin()) event += ",\"Confidence\":" + std::string(One({"0", "0.5", "1"}));
    if (Coin()) event += ",\"Description\":" + std::string(One({"\"\"", "\"abc\"", "\"Test\\n\""}));
    if (Coin())
      event += ",\"Custom\":" +
               std::string(One({"null", "1", "\"abc\"", "[1,null,\"abc\"]", "{}", "[]"}));
    if (Coin()) event += ",\"EventTime\":\"2024-03-05T15:40:00Z\"";
    if (Coin()) event += ",\"_CESNET\":{\"EventClass\":\"abc\"}";
    for (const std::string_view side : {"Source", "Target"}) {
      if (!Coin()) continue;
      event += ",\"" + std::string(side) + "\":[";
      for (int i = random_() % 3; i >= 0; --i) event += SourceTarget() + (i > 0 ? "," : "");
      event += "]";
    }
    if (Coin())
      event += ",\"Node\":[{\"Name\":\"abc\",\"AggrWin\":\"00:05:00\"},{\"Name\":\"cz.test\"}]";
    return event + "}";
  }

 private:
  bool Coin() { return random_() % 2 == 0; }
  std::string_view One(const std::vector<std::string_view>& choices) {
    return choices[random_() % choices.size()];
  }
  std::string List(const std::vector<std::string_view>& choices) {
    std::string list = "[";
    for (int i = random_() % 4; i > 0; --i) list += std::string(One(choices)) + (i > 1 ? "," : "");
    return list + "]";
  }

  std::string SourceTarget() {
    std::string object =
        "{\"IP4\":" + List({"\"192.0.2.1\"", "\"192.0.2.0/28\"", "\"10.0.0.1-10.0.0.9\""});
    if (Coin()) object += ",\"IP6\":" + List({"\"2001:db8::1\"", "\"2001:db8::/64\""});
    if (Coin()) object += ",\"Port\":" + List({"0", "1", "22", "42"});
    if (Coin()) object += std::string(",\"Spoofed\":") + (Coin() ? "true" : "false");
    if (Coin()) object += ",\"Hostname\":" + List({"\"abc\"", "\"\"", "\"Test\""});
    return object + "}";
  }

  std::string Variable() {
    return std::string(
        One({"Category",    "ConnCount",         "Confidence",       "Description",
             "Custom",      "DetectTime",        "EventTime",        "Source",
             "Source.IP4",  "Source[1].IP4",     "Source[#].IP4[1]", "Target.IP6",
             "Source.Port", "Target[2].Port[#]", "Target.Spoofed",   "Source.Hostname",
             "Node.Name",   "Node.AggrWin",      "Node[1].Name",     "_CESNET.EventClass",
             "Category[0]", "ConnCount[1]",      "Missing",          "Bad-path"}));
  }
  std::string Constant() {
    return std::string(One({"0",
                            "1",
                            "42",
                            "42.0",
                            "0.5",
                            "-1",
                            "'abc'",
                            "'Test'",
                            "'b+'",
                            "'('",
                            "10.0.0.5",
                            "192.0.2.0/24",
                            "192.0.2.1",
                            "2024-03-05T15:52:22Z",
                            "00:05:00",
                            "99999999999999999999",
                            "'2001:db8::/32'",
                            "[1,22,'abc']",
                            "['Test','Other','abc']",
                            "[192.0.2.0/24,10.0.0.0-10.0.0.255]",
                            "[2001:db8::/32]",
                            "[0.5,1]",
                            "[00:05:00]",
                            "[2024-03-05T15:52:22Z, 'Test']",
                            "['a','b','c','d','e','f','g','h','i','Test']",
                            "(7/0)"}));
  }
  std::string Operand() {
    switch (random_() % 8) {
      case 0:
        return "size(" + Variable() + ")";
      case 1:
        return "(" + Variable() + std::string(One({" + ", " - ", " * "})) + Constant() + ")";
      case 2:
      case 3:
        return Constant();
      default:
        return Variable();
    }
  }
  std::string Comparison() {
    if (random_() % 6 == 0) return Operand();
    return Operand() +
           std::string(One({" == ", " != ", " < ", " <= ", " > ", " >= ", " in ", " in ", " in ",
                            " is ", " like "})) +
           Operand();
  }

  std::mt19937 random_;
};

TEST(AgreementTest, OnRandomRulesAndEvents) {
  constexpr unsigned kSeed = 20240305;
  Generator generator(kSeed);
  std::vector<idea::v1::Event> events(40);
  for (idea::v1::Event& event : events) {
    std::vector<idea::Problem> problems;
    const std::string json = generator.Event();
    ASSERT_TRUE(idea::ParseEvent(json, {}, &event, &problems)) << json << idea::Describe(problems);
  }
  int compiled = 0;
  int truths = 0;
  int values = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string text = generator.Expression(i % 3);
    const absl::StatusOr<Filter> filter = Filter::Compile(text);
    if (!filter.ok()) continue;
    ++compiled;
    for (int k = 0; k < 4; ++k) {
      const idea::v1::Event& event = events[(i * 7 + k) % events.size()];
      const absl::StatusOr<Value> value = filter->Evaluate(event);
      const absl::StatusOr<bool> matches = filter->Matches(event);
      ASSERT_EQ(matches.status(), value.status()) << text << "\n" << idea::PrintEvent(event);
      if (!value.ok()) continue;
      ASSERT_EQ(*matches, value->Truth()) << text << "\n" << idea::PrintEvent(event);
      ++values;
      truths += *matches;
    }
  }
  // The rules are no formality.
  EXPECT_GT(compiled, 2'000);
  EXPECT_GT(values, 4'000);
  EXPECT_GT(truths, values / 10);
  EXPECT_LT(truths, values * 9 / 10);
}

}  // namespace
}  // namespace mentat::filter
