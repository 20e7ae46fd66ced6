#include "services/enricher/metrics.h"

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace mentat::enricher {

using service::AddCounter;
using service::AddGauge;

Metrics::Lookups::Lookups(prometheus::Registry& registry, const std::string& database)
    : hits(AddCounter(registry, "mentat_enricher_lookups_total", "Addresses looked up.",
                      {{"database", database}, {"result", "hit"}})),
      misses(AddCounter(registry, "mentat_enricher_lookups_total", "Addresses looked up.",
                        {{"database", database}, {"result", "miss"}})) {}

Metrics::File::File(prometheus::Registry& registry, const std::string& database)
    : loaded(AddGauge(registry, "mentat_enricher_geoip_loaded",
                      "Whether the geoip database is in use: 1 or 0.", {{"database", database}})),
      build_time(AddGauge(registry, "mentat_enricher_geoip_build_timestamp_seconds",
                          "When the geoip database in use was built.", {{"database", database}})),
      failures(AddCounter(registry, "mentat_enricher_geoip_load_failures_total",
                          "Geoip databases that were missing or refused.",
                          {{"database", database}})),
      failed(AddGauge(registry, "mentat_enricher_geoip_failed",
                      "1 if the geoip database that is configured is missing or damaged now, else "
                      "0.",
                      {{"database", database}})) {}

Metrics::Metrics(prometheus::Registry& registry)
    : country_lookups(registry, "country"),
      asn_lookups(registry, "asn"),
      network_lookups(registry, "networks"),
      enriched_events(AddCounter(registry, "mentat_enricher_enriched_events_total",
                                 "Events that something was added to.")),
      skipped_addresses(AddCounter(registry, "mentat_enricher_skipped_addresses_total",
                                   "Addresses not looked up because their event had too many.")),
      city_file(registry, "city"),
      country_file(registry, "country"),
      asn_file(registry, "asn"),
      networks(AddGauge(registry, "mentat_enricher_networks", "Networks in the table in use.")),
      networks_load_time(AddGauge(registry, "mentat_enricher_networks_load_timestamp_seconds",
                                  "When the table of networks in use was read.")),
      networks_failures(AddCounter(registry, "mentat_enricher_networks_failures_total",
                                   "Failed attempts to read the table of networks.")) {}

}  // namespace mentat::enricher
