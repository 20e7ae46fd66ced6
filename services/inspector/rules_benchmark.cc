// What thirty rules of the default set cost for an event, side by side with the same predicates
// written by hand in C++.
//
//   ./mentat bench rules
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/benchmark_pairs.h"
#include "common/base/benchmark_report.h"
#include "common/idea/codec.h"
#include "common/pipeline/item.h"
#include "mentat/idea/v1/event.pb.h"
#include "prometheus/registry.h"
#include "services/inspector/rule_loader.h"
#include "services/inspector/rule_set.h"

namespace mentat::inspector {
namespace {

using idea::v1::Event;
using idea::v1::SourceTarget;
using Predicate = bool (*)(const Event&);
using Texts = std::initializer_list<std::string_view>;
using Numbers = std::initializer_list<int64_t>;

// --- the same thirty conditions by hand ---

template <typename Field, typename Known>
bool AnyOf(const Field& field, const Known& known) {
  return std::any_of(field.begin(), field.end(), [&](const auto& value) {
    return std::find(known.begin(), known.end(), value) != known.end();
  });
}
bool Category(const Event& event, Texts known) { return AnyOf(event.category(), known); }

template <typename Test>
bool Any(const google::protobuf::RepeatedPtrField<SourceTarget>& sides, Test test) {
  return std::any_of(sides.begin(), sides.end(), test);
}
bool SourceType(const Event& event, Texts known) {
  return Any(event.source(), [&](const SourceTarget& s) { return AnyOf(s.type(), known); });
}
bool SourceProto(const Event& event, Texts known) {
  return Any(event.source(), [&](const SourceTarget& s) { return AnyOf(s.proto(), known); });
}
bool SourcePort(const Event& event, Numbers known) {
  return Any(event.source(), [&](const SourceTarget& s) { return AnyOf(s.port(), known); });
}
bool SourceKey(const Event& event, std::string_view key) {
  return Any(event.source(), [&](const SourceTarget& s) {
    return std::any_of(s.unknown().begin(), s.unknown().end(),
                       [&](const auto& member) { return member.key() == key; });
  });
}
bool TargetType(const Event& event, Texts known) {
  return Any(event.target(), [&](const SourceTarget& t) { return AnyOf(t.type(), known); });
}
bool TargetProto(const Event& event, Texts known) {
  return Any(event.target(), [&](const SourceTarget& t) { return AnyOf(t.proto(), known); });
}
bool TargetPort(const Event& event, Numbers known) {
  return Any(event.target(), [&](const SourceTarget& t) { return AnyOf(t.port(), known); });
}
bool Open(const Event& event, Texts protocols, Numbers ports) {
  return Category(event, {"Vulnerable.Config"}) &&
         (SourceProto(event, protocols) || SourcePort(event, ports));
}

const std::map<std::string_view, Predicate>& HandWritten() {
  static const auto& predicates = *new std::map<std::string_view, Predicate>{
      {"class attempt-exploit-http",
       [](const Event& e) {
         return Category(e, {"Attempt.Exploit"}) &&
                (TargetPort(e, {80, 443}) || SourceProto(e, {"http", "https", "http-alt"}) ||
                 TargetProto(e, {"http", "https", "http-alt"}));
       }},
      {"class anomaly-host-miner",
       [](const Event& e) {
         return Category(e, {"Anomaly.Behaviour"}) && SourceType(e, {"Miner"});
       }},
      {"class attempt-login-rdp",
       [](const Event& e) {
         return Category(e, {"Attempt.Login"}) &&
                (TargetPort(e, {3389}) || TargetProto(e, {"ms-wbt-server", "rdp"}));
       }},
      {"class attempt-login-telnet",
       [](const Event& e) {
         return Category(e, {"Attempt.Login"}) &&
                (TargetProto(e, {"telnet"}) || SourceProto(e, {"telnet"}) || TargetPort(e, {23}));
       }},
      {"class attempt-login-ssh",
       [](const Event& e) {
         return Category(e, {"Attempt.Login", "Intrusion.UserCompromise"}) &&
                (TargetProto(e, {"ssh"}) || SourceProto(e, {"ssh"}) || TargetPort(e, {22}));
       }},
      {"class attempt-login-sip",
       [](const Event& e) {
         return Category(e, {"Attempt.Login"}) &&
                (TargetProto(e, {"sip", "sip-tls"}) || SourceProto(e, {"sip", "sip-tls"}) ||
                 TargetPort(e, {5060}));
       }},
      {"class attempt-exploit", [](const Event& e) { return Category(e, {"Attempt.Exploit"}); }},
      {"class avail-ddos",
       [](const Event& e) {
         return Category(e, {"Availability.DoS", "Availability.DDoS"});
       }},
      {"class abusive-spam-spammer",
       [](const Event& e) { return Category(e, {"Abusive.Spam"}) && SourceType(e, {"Spam"}); }},
      {"class vulnerable-config-qotd", [](const Event& e) { return Open(e, {"qotd"}, {17}); }},
      {"class vulnerable-config-ssdp", [](const Event& e) { return Open(e, {"ssdp"}, {1900}); }},
      {"class vulnerable-config-ntp", [](const Event& e) { return Open(e, {"ntp"}, {123}); }},
      {"class vulnerable-config-domain", [](const Event& e) { return Open(e, {"domain"}, {53}); }},
      {"class vulnerable-config-netbios",
       [](const Event& e) {
         return Open(e, {"netbios-ns", "netbios-dgm", "netbios-ssn"}, {137, 138, 139});
       }},
      {"class vulnerable-config-ipmi",
       [](const Event& e) {
         return Open(e, {"ipmi", "asf-rmcp"}, {623});
       }},
      {"class vulnerable-config-chargen",
       [](const Event& e) { return Open(e, {"chargen"}, {19}); }},
      {"class vulnerable-config-snmp", [](const Event& e) { return Open(e, {"snmp"}, {161}); }},
      {"class vulnerable-config-tls-old",
       [](const Event& e) {
         return Category(e, {"Vulnerable.Config"}) && SourceProto(e, {"ssl2", "ssl3"});
       }},
      {"class vulnerable-config-tls-deprecated",
       [](const Event& e) {
         return Category(e, {"Vulnerable.Config"}) && SourceProto(e, {"tls1", "tls11"});
       }},
      {"class vulnerable-config-ciphers-old",
       [](const Event& e) {
         return Category(e, {"Vulnerable.Config"}) && SourceKey(e, "Ciphers") &&
                SourceProto(e, {"tls"});
       }},
      {"shadow vulnerable-config-ciphers-old",
       [](const Event& e) { return e.mentat().event_class() == "vulnerable-config-ciphers-old"; }},
      {"class vulnerable-config-time-not-synced",
       [](const Event& e) {
         return Category(e, {"Vulnerable.Config"}) && SourceKey(e, "ClockSkew");
       }},
      {"class vulnerable-config-certificate-expired",
       [](const Event& e) {
         return Category(e, {"Vulnerable.Config"}) && SourceKey(e, "X509ExpiredTime");
       }},
      {"class vulnerable-open-socks",
       [](const Event& e) {
         return Category(e, {"Vulnerable.Config", "Vulnerable.Open"}) &&
                (SourceProto(e, {"socks"}) || SourcePort(e, {1080}));
       }},
      {"class vulnerable-implementation",
       [](const Event& e) {
         return Category(e, {"Vulnerable.Open"}) &&
                std::any_of(e.ref().begin(), e.ref().end(), [](const std::string& ref) {
                  return ref.find("cve:") != std::string::npos ||
                         ref.find("cvr:") != std::string::npos;
                });
       }},
      {"subclass vulnerable-implementation",
       [](const Event& e) { return e.mentat().event_class() == "vulnerable-implementation"; }},
      {"class anomaly-traffic", [](const Event& e) { return Category(e, {"Anomaly.Traffic"}); }},
      {"class intrusion-botnet-bot",
       [](const Event& e) {
         return Category(e, {"Intrusion.Botnet"}) && SourceType(e, {"Botnet"});
       }},
      {"class recon-scanning", [](const Event& e) { return Category(e, {"Recon.Scanning"}); }},
      {"class anomaly-traffic-target",
       [](const Event& e) {
         constexpr std::array<std::string_view, 2> kNodes = {"cz.cesnet.ftas", "cz.cesnet.gc15"};
         return Category(e, {"Anomaly.Traffic"}) &&
                std::any_of(e.node().begin(), e.node().end(),
                            [&](const auto& node) {
                              return std::find(kNodes.begin(), kNodes.end(), node.name()) !=
                                     kNodes.end();
                            }) &&
                TargetType(e, {"ActionRegulated"});
       }},
  };
  return predicates;
}

// --- what they are tried on ---

const std::vector<Event>& Events() {
  static const std::vector<Event>& events = *[] {
    constexpr std::string_view kMembers[] = {
        R"("Category":["Recon.Scanning"],"Source":[{"IP4":["192.0.2.17"],"Proto":["tcp"],"Port":[43211]}],"Target":[{"IP4":["198.51.100.0/24"],"Proto":["tcp","ssh"],"Port":[22]}])",
        R"("Category":["Attempt.Login"],"Source":[{"IP4":["192.0.2.18"],"Proto":["tcp"]}],"Target":[{"IP4":["198.51.100.7"],"Proto":["tcp","ssh"],"Port":[22]}])",
        R"("Category":["Attempt.Exploit"],"Source":[{"IP6":["2001:db8::1"]}],"Target":[{"IP4":["198.51.100.7"],"Proto":["tcp"],"Port":[445]}])",
        R"("Category":["Vulnerable.Config"],"Source":[{"IP4":["192.0.2.53"],"Proto":["udp","domain"],"Port":[53]}])",
        R"("Category":["Vulnerable.Config"],"Source":[{"IP4":["192.0.2.54"],"Proto":["tcp","tls"],"Port":[443],"Ciphers":["RC4"]}])",
        R"("Category":["Anomaly.Traffic"],"Source":[{"IP4":["192.0.2.55"]}],"Target":[{"IP4":["198.51.100.9"],"Type":["ActionRegulated"]}])",
        R"("Category":["Abusive.Spam"],"Source":[{"IP4":["192.0.2.56"],"Type":["Spam"],"Proto":["tcp","smtp"]}])",
        R"("Category":["Intrusion.Botnet"],"Source":[{"IP4":["192.0.2.57"],"Type":["Botnet"]}],"Target":[{"IP4":["198.51.100.6"],"Type":["CC"]}])",
    };
    auto* result = new std::vector<Event>;
    for (std::string_view members : kMembers) {
      const std::string json =
          R"({"Format":"IDEA0","ID":"4dd7cf5e-4a95-49f6-8f48-eef4d6c1a9c2","DetectTime":"2024-03-05T15:52:22Z","Node":[{"Name":"cz.cesnet.ftas","Type":["Flow"],"SW":["Nemea"]}],"Note":"seen at the edge router",)" +
          std::string(members) + "}";
      std::vector<idea::Problem> problems;
      if (!idea::ParseEvent(json, {}, &result->emplace_back(), &problems)) {
        std::fprintf(stderr, "%s\n", idea::Describe(problems).c_str());
        std::abort();
      }
    }
    return result;
  }();
  return events;
}

Rules LoadDefault() {
  LoadResult result =
      LoadRules({"services/inspector/rules/default.json"}, {.outputs = {"default"}, .queues = {}});
  if (!result.errors.empty()) {
    std::fprintf(stderr, "%s\n", Describe(result.errors).c_str());
    std::abort();
  }
  return std::move(result.rules);
}

// The rules that have a predicate beside them, in the order of the set.
const std::vector<Rule>& Thirty() {
  static const std::vector<Rule>& rules = *[] {
    auto* result = new std::vector<Rule>;
    for (Rule& rule : LoadDefault().rules) {
      if (HandWritten().contains(rule.name)) result->push_back(std::move(rule));
    }
    return result;
  }();
  return rules;
}

void BM_HandWritten(benchmark::State& state) {
  std::vector<Predicate> predicates;
  for (const Rule& rule : Thirty()) predicates.push_back(HandWritten().at(rule.name));
  size_t next = 0;
  for (auto _ : state) {
    const Event& event = Events()[next++ % Events().size()];
    int matches = 0;
    for (Predicate predicate : predicates) matches += predicate(event) ? 1 : 0;
    benchmark::DoNotOptimize(matches);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_HandWritten);

void BM_Rules(benchmark::State& state) {
  const std::vector<Rule>& rules = Thirty();
  size_t next = 0;
  for (auto _ : state) {
    const Event& event = Events()[next++ % Events().size()];
    int matches = 0;
    for (const Rule& rule : rules) {
      const absl::StatusOr<bool> result = rule.condition.Matches(event);
      matches += result.ok() && *result ? 1 : 0;
    }
    benchmark::DoNotOptimize(matches);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Rules);

// All that the inspector does with an event: parsing, the whole default set, its actions,
// serialising.
void BM_Inspect(benchmark::State& state) {
  prometheus::Registry registry;
  Metrics metrics(registry);
  const RuleSet rules(LoadDefault(), OnError::kSkip, metrics, log::Logger::Null());
  std::vector<std::string> wires;
  for (const Event& event : Events()) wires.push_back(event.SerializeAsString());
  size_t next = 0;
  for (auto _ : state) {
    pipeline::Item item(wires[next++ % wires.size()]);
    rules.Inspect(item);
    benchmark::DoNotOptimize(item.TakeWire());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Inspect);

// Whether both sides find the same; else the comparison means nothing.
bool Agree() {
  bool agree = Thirty().size() == HandWritten().size();
  for (const Rule& rule : Thirty()) {
    for (size_t i = 0; i < Events().size(); ++i) {
      const absl::StatusOr<bool> matches = rule.condition.Matches(Events()[i]);
      if (matches.ok() && *matches == HandWritten().at(rule.name)(Events()[i])) continue;
      std::fprintf(stderr, "event %zu: \"%s\" is not what its predicate says\n", i,
                   rule.name.c_str());
      agree = false;
    }
  }
  return agree;
}

}  // namespace
}  // namespace mentat::inspector

int main(int argc, char** argv) {
  mentat::bench::Report report(argc, argv);
  if (!mentat::inspector::Agree()) return 1;
  const mentat::bench::Pair pairs[] = {
      {.figure = {.name = "rules",
                  .unit = "ns",
                  .bar = 3,
                  .better = mentat::bench::Better::kLower,
                  .note = "30 rules over an event / the same predicates written by hand in C++"},
       .ours = "BM_Rules",
       .baseline = "BM_HandWritten"}};
  mentat::bench::RunPairs(pairs, report);
  return report.Finish();
}
