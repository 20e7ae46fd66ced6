// Makes IDEA events: a realistic mix, the same for the same seed. Not thread-safe.
#ifndef TOOLS_IDEAGEN_GENERATOR_H_
#define TOOLS_IDEAGEN_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tools/ideagen/random.h"

namespace mentat::ideagen {

struct GeneratorOptions {
  uint64_t seed = 1;
  // Share of events that no validator accepts, 0 to 1.
  double bad_share = 0;
  // Whether an empty text may be one of the bad events; not where a line is an event.
  bool allow_empty = true;
  // Put before each identifier.
  std::string prefix;
  // The time that DetectTime is near to, seconds since 1970-01-01T00:00:00Z; asked for each event.
  std::function<int64_t()> now;
};

struct GeneratedEvent {
  // `<prefix><uuid>`, or `bad-<prefix><kind>-<uuid>` for an event that is bad on purpose. It is
  // also the event's ID, where the bad event has one.
  std::string id;
  // One line, without a newline.
  std::string json;
  bool bad = false;
  // The class that the default rules give; empty if none is meant to fit.
  std::string_view event_class;
};

class Generator {
 public:
  explicit Generator(GeneratorOptions options);

  GeneratedEvent Next();

 private:
  GeneratorOptions options_;
  Random random_;
  int total_weight_ = 0;
};

}  // namespace mentat::ideagen

#endif  // TOOLS_IDEAGEN_GENERATOR_H_
