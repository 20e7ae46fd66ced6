// The enricher's metrics.
#ifndef SERVICES_ENRICHER_METRICS_H_
#define SERVICES_ENRICHER_METRICS_H_

#include <string>

#include "common/service/metrics.h"

namespace mentat::enricher {

// References live as long as the registry.
struct Metrics {
  explicit Metrics(prometheus::Registry& registry);

  // Look-ups of one kind of knowledge.
  struct Lookups {
    Lookups(prometheus::Registry& registry, const std::string& database);
    prometheus::Counter& hits;
    prometheus::Counter& misses;
  };
  // One file in the MaxMind DB format.
  struct File {
    File(prometheus::Registry& registry, const std::string& database);
    prometheus::Gauge& loaded;
    prometheus::Gauge& build_time;
    prometheus::Counter& failures;
    prometheus::Gauge& failed;
  };

  Lookups country_lookups;
  Lookups asn_lookups;
  Lookups network_lookups;
  prometheus::Counter& enriched_events;
  prometheus::Counter& skipped_addresses;

  File city_file;
  File country_file;
  File asn_file;

  prometheus::Gauge& networks;
  prometheus::Gauge& networks_load_time;
  prometheus::Counter& networks_failures;
};

}  // namespace mentat::enricher

#endif  // SERVICES_ENRICHER_METRICS_H_
