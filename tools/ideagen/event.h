// A single event as a JSON value, its keys in a reader's order.
#ifndef TOOLS_IDEAGEN_EVENT_H_
#define TOOLS_IDEAGEN_EVENT_H_

#include <cstdint>
#include <string>

#include "nlohmann/json.hpp"
#include "tools/ideagen/random.h"
#include "tools/ideagen/scenarios.h"

namespace mentat::ideagen {

using Json = nlohmann::ordered_json;

// A valid event of the scenario; `now` in seconds since 1970-01-01T00:00:00Z.
Json MakeEvent(const Scenario& scenario, const std::string& id, int64_t now, Random& random);

}  // namespace mentat::ideagen

#endif  // TOOLS_IDEAGEN_EVENT_H_
