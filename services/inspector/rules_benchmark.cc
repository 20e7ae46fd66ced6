// What rules cost for an event: thirty of the default set side by side with the same predicates
// written by hand in C++, and sets of 10 to 1,000 rules side by side with their rules one by one.
//
//   ./mentat bench rules
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/benchmark_pairs.h"
#include "common/base/benchmark_report.h"
#include "common/filter/filter_set.h"
#include "common/idea/codec.h"
#include "common/pipeline/item.h"
#include "google/protobuf/arena.h"
#include "mentat/idea/v1/event.pb.h"
#include "prometheus/registry.h"
#include "services/inspector/many_rules.h"
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

std::vector<filter::Filter> Conditions(const std::vector<Rule>& rules) {
  std::vector<filter::Filter> conditions;
  for (const Rule& rule : rules) conditions.push_back(rule.condition);
  return conditions;
}

size_t CountMatches(filter::FilterSet::Evaluation& evaluation, const Event& event) {
  evaluation.Begin(event);
  size_t matches = 0;
  std::optional<filter::FilterSet::Match> match = evaluation.Next(0);
  for (; match; match = evaluation.Next(match->filter + 1)) matches += match->status.ok() ? 1 : 0;
  return matches;
}

size_t CountMatches(const std::vector<filter::Filter>& filters, const Event& event) {
  size_t matches = 0;
  for (const filter::Filter& filter : filters) {
    const absl::StatusOr<bool> result = filter.Matches(event);
    matches += result.ok() && *result ? 1 : 0;
  }
  return matches;
}

// As the inspector evaluates them: as a set.
void MeasureSet(benchmark::State& state, const std::vector<filter::Filter>& filters,
                const std::vector<Event>& events) {
  const filter::FilterSet set(filters);
  filter::FilterSet::Evaluation evaluation(set);
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(CountMatches(evaluation, events[next++ % events.size()]));
  }
}

void MeasureOneByOne(benchmark::State& state, const std::vector<filter::Filter>& filters,
                     const std::vector<Event>& events) {
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(CountMatches(filters, events[next++ % events.size()]));
  }
}

void BM_Rules(benchmark::State& state) { MeasureSet(state, Conditions(Thirty()), Events()); }
BENCHMARK(BM_Rules);

void BM_RulesOneByOne(benchmark::State& state) {
  MeasureOneByOne(state, Conditions(Thirty()), Events());
}
BENCHMARK(BM_RulesOneByOne);

// --- many rules ---

// The numbers of rules, and what a set of them may cost of what its rules cost one by one.
const std::map<size_t, std::optional<double>>& Curve() {
  static const auto& curve = *new std::map<size_t, std::optional<double>>{
      {10, std::nullopt}, {30, 1}, {100, 0.7}, {300, 0.4}, {1000, 0.2}};
  return curve;
}

Rules LoadMany(size_t count) {
  LoadResult result =
      ParseRules(ManyRules().File(count), "generated", {.outputs = {"default"}, .queues = {}});
  if (!result.errors.empty()) {
    std::fprintf(stderr, "%s\n", Describe(result.errors).c_str());
    std::abort();
  }
  return std::move(result.rules);
}

const std::vector<Event>& ManyEvents() {
  static const std::vector<Event>& events = *[] {
    auto* result = new std::vector<Event>(1024);
    ManyRules generator;
    for (Event& event : *result) {
      const std::string json = generator.Event();
      std::vector<idea::Problem> problems;
      if (idea::ParseEvent(json, {}, &event, &problems)) continue;
      std::fprintf(stderr, "%s\n%s\n", json.c_str(), idea::Describe(problems).c_str());
      std::abort();
    }
    return result;
  }();
  return events;
}

std::string Name(std::string_view what, size_t count) {
  return std::string(what) + "_" + std::to_string(count);
}

void RegisterMany() {
  for (const auto& [size, bar] : Curve()) {
    const size_t count = size;
    benchmark::RegisterBenchmark(Name("BM_Set", count).c_str(), [count](benchmark::State& state) {
      MeasureSet(state, Conditions(LoadMany(count).rules), ManyEvents());
    });
    benchmark::RegisterBenchmark(
        Name("BM_OneByOne", count).c_str(), [count](benchmark::State& state) {
          MeasureOneByOne(state, Conditions(LoadMany(count).rules), ManyEvents());
        });
  }
}

// What a reload of a thousand rules takes, in milliseconds and in megabytes.
void MeasureLoading(bench::Report& report) {
  const std::string file = ManyRules().File(1000);
  prometheus::Registry registry;
  Metrics metrics(registry);
  std::vector<double> milliseconds;
  std::vector<double> megabytes;
  for (int round = 0; round < report.rounds(); ++round) {
    const size_t before = mallinfo2().uordblks;
    const auto start = std::chrono::steady_clock::now();
    const RuleSet rules(ParseRules(file, "generated", {.outputs = {"default"}, .queues = {}}).rules,
                        OnError::kSkip, metrics, log::Logger::Null());
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
    for (const Event& event : ManyEvents()) {
      pipeline::Item item(event.SerializeAsString());
      rules.Inspect(item);
    }
    megabytes.push_back(static_cast<double>(mallinfo2().uordblks - before) / 1e6);
  }
  report.Add({.name = "rules-1000-load",
              .unit = "ms",
              .bar = 500,
              .better = bench::Better::kLower,
              .note = "a reload of 1,000 rules, from the text of the file to the first event"},
             milliseconds);
  report.Add({.name = "rules-1000-memory",
              .unit = "MB",
              .bar = 100,
              .better = bench::Better::kLower,
              .note = "what 1,000 rules occupy after 1,024 events"},
             megabytes);
}

// --- the whole inspection ---

// Runs `work` on batches of events as a stage does.
template <typename Work>
void MeasureBatches(benchmark::State& state, const Work& work) {
  constexpr size_t kBatch = 64;
  std::vector<std::string> wires;
  for (const Event& event : Events()) wires.push_back(event.SerializeAsString());
  while (state.KeepRunningBatch(kBatch)) {
    google::protobuf::Arena arena;
    std::vector<pipeline::Item> items;
    items.reserve(kBatch);
    for (size_t i = 0; i < kBatch; ++i) {
      items.emplace_back(wires[i % wires.size()], 0, nullptr, &arena);
      items.back().Parse();
    }
    work(items);
    for (pipeline::Item& item : items) benchmark::DoNotOptimize(item.TakeWire());
  }
}

// All that the inspector does with an event: parsing, the whole default set, its actions,
// serialising.
void BM_Inspect(benchmark::State& state) {
  prometheus::Registry registry;
  Metrics metrics(registry);
  const RuleSet rules(LoadDefault(), OnError::kSkip, metrics, log::Logger::Null());
  MeasureBatches(state, [&](std::vector<pipeline::Item>& items) { rules.Inspect(items); });
}
BENCHMARK(BM_Inspect);

// The same without rules: parsing, a change, serialising.
void BM_ParseAndSerialise(benchmark::State& state) {
  MeasureBatches(state, [](std::vector<pipeline::Item>& items) {
    for (pipeline::Item& item : items) {
      item.event().mutable_mentat()->set_event_class("recon-scanning");
    }
  });
}
BENCHMARK(BM_ParseAndSerialise);

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
  for (const auto& [count, bar] : Curve()) {
    const std::vector<filter::Filter> filters = Conditions(LoadMany(count).rules);
    const filter::FilterSet set(filters);
    filter::FilterSet::Evaluation evaluation(set);
    for (const Event& event : ManyEvents()) {
      if (CountMatches(evaluation, event) == CountMatches(filters, event)) continue;
      std::fprintf(stderr, "a set of %zu rules is not what its rules say\n", count);
      return false;
    }
  }
  return agree;
}

// The pairs of the report.
std::vector<bench::Pair> Pairs() {
  const auto lower = [](std::string name, std::optional<double> bar, std::string note,
                        std::string ours, std::string baseline) {
    return bench::Pair{.figure = {.name = std::move(name),
                                  .unit = "ns",
                                  .bar = bar,
                                  .better = bench::Better::kLower,
                                  .note = std::move(note)},
                       .ours = std::move(ours),
                       .baseline = std::move(baseline)};
  };
  std::vector<bench::Pair> pairs = {
      lower("rules", 3, "30 rules over an event / the same predicates written by hand in C++",
            "BM_Rules", "BM_HandWritten"),
      lower("rules-one-by-one", 3, "the same 30 rules, each by itself / written by hand",
            "BM_RulesOneByOne", "BM_HandWritten"),
      lower("rules-growth", 5, "a set of 300 rules / a set of 30 rules", Name("BM_Set", 300),
            Name("BM_Set", 30)),
      lower("rules-inspection", 2.5,
            "parsing, the default rules, their actions, serialising / the same without rules",
            "BM_Inspect", "BM_ParseAndSerialise")};
  for (const auto& [count, bar] : Curve()) {
    pairs.push_back(lower("rules-" + std::to_string(count), bar,
                          std::to_string(count) + " rules as a set / one by one",
                          Name("BM_Set", count), Name("BM_OneByOne", count)));
  }
  return pairs;
}

}  // namespace
}  // namespace mentat::inspector

int main(int argc, char** argv) {
  mentat::bench::Report report(argc, argv);
  if (!mentat::inspector::Agree()) return 1;
  mentat::inspector::RegisterMany();
  mentat::bench::RunPairs(mentat::inspector::Pairs(), report);
  mentat::inspector::MeasureLoading(report);
  return report.Finish();
}
