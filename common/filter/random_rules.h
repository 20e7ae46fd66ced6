// Random rules and events for tests: rules of all parts of the language on a small vocabulary, so
// that they hit, miss and fail, and events that hold it.
#ifndef COMMON_FILTER_RANDOM_RULES_H_
#define COMMON_FILTER_RANDOM_RULES_H_

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace mentat::filter {

class RandomRules {
 public:
  explicit RandomRules(unsigned seed) : random_(seed) {}

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
    if (Coin()) event += ",\"WinStartTime\":\"2024-03-05T15:57:22Z\"";
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
    if (Coin())
      object += ",\"Extra\":" + std::string(One({"null", "1", "\"abc\"", "[]", "[null]", "{}"}));
    if (Coin()) object += ",\"Hostname\":" + List({"\"abc\"", "\"\"", "\"Test\""});
    return object + "}";
  }

  std::string Variable() {
    return std::string(
        One({"Category",     "ConnCount",         "Confidence",        "Description",
             "Custom",       "DetectTime",        "EventTime",         "Source",
             "Source.IP4",   "Source[1].IP4",     "Source[#].IP4[1]",  "Target.IP6",
             "Source.Port",  "Target[2].Port[#]", "Target.Spoofed",    "Source.Hostname",
             "Node.Name",    "Node.AggrWin",      "Node[1].Name",      "_CESNET.EventClass",
             "Category[0]",  "ConnCount[1]",      "Missing",           "Bad-path",
             "Source.Extra", "Target[1].Extra",   "Source.Extra.Deep", "Source.Extra[1]",
             "WinStartTime"}));
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
  std::string Time() {
    return std::string(One({"utcnow()", "(utcnow() - 00:05:00)", "(utcnow() + 00:05:00)",
                            "(utcnow() + 100000000D00:00:00)"}));
  }
  std::string Operand() {
    switch (random_() % 8) {
      case 0:
        return "size(" + Variable() + ")";
      case 1:
        return "(" + Variable() + std::string(One({" + ", " - ", " * "})) + Constant() + ")";
      case 2:
        return Coin() ? Time() : Constant();
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

}  // namespace mentat::filter

#endif  // COMMON_FILTER_RANDOM_RULES_H_
