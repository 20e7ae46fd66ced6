// What kinds of events the generator makes, how often, and who detects them.
#ifndef TOOLS_IDEAGEN_SCENARIOS_H_
#define TOOLS_IDEAGEN_SCENARIOS_H_

#include <string_view>
#include <vector>

namespace mentat::ideagen {

struct Detector {
  std::string_view name;
  std::vector<std::string_view> types;
  std::string_view software;
  std::string_view window;  // length of its aggregation window, as IDEA writes it; none if empty
};

// Something beside the common keys that a scenario's events carry.
enum class Extra {
  kNone,
  kNetworkTarget,  // the target is a whole network or a range
  kSpam,           // mail addresses and a message attached
  kMalware,        // a sample attached, a URL
  kUrl,            // a URL at the source
  kCiphers,        // Source.Ciphers
  kClockSkew,      // Source.ClockSkew
  kExpired,        // Source.X509ExpiredTime
  kTraffic,        // counts of flows, packets and bytes
};

struct Scenario {
  // The event class that the default rules give; empty where none is meant to fit.
  std::string_view event_class;
  // How often, relative to the others.
  int weight;
  std::vector<std::string_view> categories;
  std::string_view description;
  // One of the detectors by name.
  std::vector<std::string_view> detectors;
  std::vector<std::string_view> source_types;
  std::vector<std::string_view> source_protocols;
  std::vector<int> source_ports;
  std::vector<std::string_view> target_types;
  std::vector<std::string_view> target_protocols;
  std::vector<int> target_ports;
  std::string_view ref;
  Extra extra = Extra::kNone;
};

const std::vector<Detector>& Detectors();
const std::vector<Scenario>& Scenarios();

}  // namespace mentat::ideagen

#endif  // TOOLS_IDEAGEN_SCENARIOS_H_
