// Rules as large installations have them, and events for them: any number of rules over categories,
// detectors, networks, ports and descriptions, by a fixed seed.
#ifndef SERVICES_INSPECTOR_MANY_RULES_H_
#define SERVICES_INSPECTOR_MANY_RULES_H_

#include <cstddef>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mentat::inspector {

class ManyRules {
 public:
  ManyRules() : random_(20240305) {}

  // The condition of one more rule. Of ten rules about
  //   3 look at categories and the detector's name,
  //   3 at categories and networks, or at networks alone,
  //   2 at categories and ports or protocols,
  //   1 at a description or a note,
  //   1 at counts, at what is missing, or at the kind of detector, most with a part that others
  //     have, too.
  std::string Condition() {
    switch (Number(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return absl::StrCat(Categories(), " and Node.Name in [", Detectors(), "]");
      case 6:
      case 7:
      case 8:
        return absl::StrCat(Categories(), " and Source.IP4 in [", Networks(1 + Number(5)), "]");
      case 9:
      case 10:
        return absl::StrCat("Target.IP4 in [", Networks(2), "] or Source.IP4 in [", Networks(2),
                            "]");
      case 11:
        return absl::StrCat("Source.IP6 in ['2001:db8:", Number(999), "::/48'] and ", Categories());
      case 12:
      case 13:
      case 14:
      case 15:
        return absl::StrCat(Categories(), " and (Target.Port in [", Ports(),
                            "] or Target.Proto in ['", Protocol(), "'] or Source.Proto in ['",
                            Protocol(), "'])");
      case 16:
        return absl::StrCat("Description like '(?i)", Word(), "[ -]", Word(), "'");
      case 17:
        return absl::StrCat(Categories(), " and Note like '", Word(), ".*(", Word(), "|", Word(),
                            ")'");
      case 18:
        return absl::StrCat(
            Categories(),
            " and (Node.Type in ['Honeypot'] or Node.SW in ['Cowrie', 'Dionaea']) and not "
            "(Category in ['Test']) and ConnCount >= ",
            10 * (1 + Number(50)));
      default:
        return absl::StrCat(Categories(), " and not Target.IP4 and size(Source.IP4) > ",
                            1 + Number(20));
    }
  }

  // A file with so many rules, each of which tags and has a class.
  std::string File(size_t count) {
    std::vector<std::string> rules;
    for (size_t i = 0; i < count; ++i) {
      rules.push_back(absl::StrCat(
          R"({"name":"rule )", i, R"(","rule":")", Condition(),
          R"(","actions":[{"action":"tag","args":{"path":"_Mentat.EventClass","value":"class-)", i,
          R"(","overwrite":false}}]})"));
    }
    return absl::StrCat(R"({"inspection_rules":[)", absl::StrJoin(rules, ",\n"), "]}");
  }

  // The JSON of one more event.
  std::string Event() {
    std::string event = absl::StrCat(
        R"({"Format":"IDEA0","ID":"4dd7cf5e-4a95-49f6-8f48-eef4d6c1a9c2",)",
        R"("DetectTime":"2024-03-05T15:52:22Z","Category":[")", Category(),
        R"("],"Node":[{"Name":"org.example.detector)", Number(200),
        R"(","Type":["Flow","Statistical"],"SW":["Nemea"]}],"ConnCount":)", Number(1000),
        R"(,"Source":[{"IP4":[")", Address(), R"("],"Proto":["tcp",")", Protocol(),
        R"("],"Port":[)", 1024 + Number(60'000), R"(]}],"Target":[{"IP4":[")", Address(),
        R"("],"Proto":["tcp",")", Protocol(), R"("],"Port":[)", Port(), "]}]");
    if (Number(2) == 0) absl::StrAppend(&event, R"(,"Description":")", Sentence(6), "\"");
    if (Number(2) == 0) absl::StrAppend(&event, R"(,"Note":")", Sentence(12), "\"");
    return event + "}";
  }

 private:
  size_t Number(size_t below) { return random_() % below; }

  std::string Category() {
    static constexpr std::string_view kCategories[] = {"Recon.Scanning",
                                                       "Attempt.Login",
                                                       "Attempt.Exploit",
                                                       "Vulnerable.Config",
                                                       "Anomaly.Traffic",
                                                       "Abusive.Spam",
                                                       "Intrusion.Botnet",
                                                       "Availability.DDoS",
                                                       "Fraud.Phishing",
                                                       "Availability.DoS",
                                                       "Malware.Virus",
                                                       "Recon.Searching",
                                                       "Anomaly.Connection",
                                                       "Attempt.NewSignature",
                                                       "Intrusion.UserCompromise",
                                                       "Information.UnauthorizedAccess"};
    return std::string(kCategories[Number(std::size(kCategories))]);
  }
  std::string Categories() {
    std::string list = absl::StrCat("Category in ['", Category());
    if (Number(3) == 0) absl::StrAppend(&list, "', '", Category());
    return list + "']";
  }
  std::string Detectors() {
    std::vector<std::string> names;
    for (size_t i = 1 + Number(3); i > 0; --i) {
      names.push_back(absl::StrCat("'org.example.detector", Number(200), "'"));
    }
    return absl::StrJoin(names, ", ");
  }
  std::string Address() {
    return absl::StrCat(1 + Number(220), ".", Number(256), ".", Number(256), ".", Number(256));
  }
  std::string Networks(size_t count) {
    std::vector<std::string> networks;
    for (; count > 0; --count) {
      networks.push_back(absl::StrCat(1 + Number(220), ".", Number(256), ".0.0/", 12 + Number(13)));
    }
    return absl::StrJoin(networks, ", ");
  }
  size_t Port() {
    static constexpr size_t kPorts[] = {22,   23,   25,   53,   80,   110,  123,  143,
                                        161,  389,  443,  445,  1433, 1900, 3306, 3389,
                                        5060, 5432, 6379, 8080, 8443, 9200};
    return Number(4) == 0 ? Number(65'536) : kPorts[Number(std::size(kPorts))];
  }
  std::string Ports() {
    std::vector<size_t> ports;
    for (size_t i = 1 + Number(4); i > 0; --i) ports.push_back(Port());
    return absl::StrJoin(ports, ", ");
  }
  std::string Protocol() {
    static constexpr std::string_view kProtocols[] = {
        "ssh", "telnet", "http", "https", "smtp",  "imap", "pop3", "sip", "rdp",  "snmp",
        "ntp", "domain", "ssdp", "mysql", "redis", "ldap", "smb",  "ftp", "tftp", "ipmi"};
    return std::string(kProtocols[Number(std::size(kProtocols))]);
  }
  std::string Word() {
    static constexpr std::string_view kWords[] = {
        "brute",   "force",   "scan",     "login",   "password",  "worm",   "router", "printer",
        "sensor",  "gateway", "seen",     "blocked", "campaign",  "Mirai",  "Emotet", "payload",
        "shell",   "tunnel",  "resolver", "open",    "amplifier", "sweep",  "probe",  "backdoor",
        "crawler", "leak",    "token",    "session", "exploit",   "kernel", "module", "camera"};
    // Descriptions have a larger vocabulary than anybody wants to write down here.
    return std::string(kWords[Number(std::size(kWords))]) + std::to_string(Number(16));
  }
  std::string Sentence(size_t words) {
    std::vector<std::string> sentence;
    for (; words > 0; --words) sentence.push_back(Word());
    return absl::StrJoin(sentence, " ");
  }

  std::mt19937 random_;
};

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_MANY_RULES_H_
