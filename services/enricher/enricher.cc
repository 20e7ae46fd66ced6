#include "services/enricher/enricher.h"

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/schedule/schedule.h"
#include "common/store/connection.h"
#include "prometheus/counter.h"
#include "services/enricher/enrichment.h"

namespace mentat::enricher {
namespace {

// After a failure of the database the next attempt follows soon, then ever later; spread, so that
// many instances do not come back to it in step.
constexpr absl::Duration kFirstRetry = absl::Milliseconds(100);
constexpr absl::Duration kLongestRetry = absl::Seconds(5);

class EnricherProcessor : public pipeline::Processor {
 public:
  EnricherProcessor(const GeoipFiles& geoip, const NetworkSource* networks, Metrics* metrics,
                    size_t max_addresses)
      : geoip_(geoip), networks_(networks), metrics_(*metrics), max_addresses_(max_addresses) {}

  void Process(std::span<pipeline::Item> items, std::stop_token stop) override {
    Knowledge knowledge{.geoip = geoip_.Get(), .networks = nullptr};
    if (networks_ != nullptr) {
      // Without the table events would go on without their abuse groups, and nobody would be told
      // of them: so they wait for it.
      knowledge.networks = networks_->Get(stop);
      if (knowledge.networks == nullptr) {
        for (pipeline::Item& item : items) item.Retry();
        return;
      }
    }
    LookupCounts counts;
    size_t enriched = 0;
    for (pipeline::Item& item : items) {
      enrichment_.Find(item.view(), knowledge, max_addresses_, &counts);
      if (!enrichment_.Changes(item.view())) continue;
      enrichment_.Write(item.event().mutable_mentat());
      ++enriched;
    }
    Count(counts.country, metrics_.country_lookups);
    Count(counts.asn, metrics_.asn_lookups);
    Count(counts.networks, metrics_.network_lookups);
    metrics_.skipped_addresses.Increment(static_cast<double>(counts.skipped_addresses));
    metrics_.enriched_events.Increment(static_cast<double>(enriched));
  }

 private:
  static void Count(const LookupCount& count, Metrics::Lookups& lookups) {
    lookups.hits.Increment(static_cast<double>(count.hits));
    lookups.misses.Increment(static_cast<double>(count.misses));
  }

  const GeoipFiles& geoip_;
  const NetworkSource* const networks_;
  Metrics& metrics_;
  const size_t max_addresses_;
  Enrichment enrichment_;
};

store::ConnectionOptions DatabaseOptions(const config::v1::DatabaseConfig& config,
                                         const service::Context& context) {
  return {.dsn = config.dsn(),
          .connect_timeout = absl::Seconds(config.connect_timeout_seconds()),
          .statement_timeout = absl::Seconds(config.statement_timeout_seconds()),
          .application_name = context.instance};
}

}  // namespace

Enricher::Enricher(const Config& config, service::Context& context)
    : config_(config),
      metrics_(*context.registry),
      geoip_(config.geoip(), context.log, &metrics_),
      networks_(config.has_database()
                    ? std::make_unique<NetworkSource>(DatabaseOptions(config.database(), context),
                                                      context.log, &metrics_)
                    : nullptr),
      networks_retry_(kFirstRetry, kLongestRetry),
      scheduler_(Use<service::Scheduler>(context)) {
  // Both tell of what is wrong once, in the log and in the metrics, and not each time that they
  // look.
  scheduler_.Every(schedule::Schedule::Every(absl::Seconds(config_.geoip().refresh_seconds())),
                   "geoip", [this](const std::stop_token&) {
                     geoip_.Refresh().IgnoreError();
                     return absl::OkStatus();
                   });
  if (networks_ != nullptr) RefreshNetworksAfter(absl::ZeroDuration());
}

absl::StatusOr<std::unique_ptr<service::Service>> Enricher::Create(const Config& config,
                                                                   service::Context& context) {
  std::unique_ptr<Enricher> enricher(new Enricher(config, context));
  if (!config.has_database()) {
    context.log.Warning("no database is configured: events get no abuse groups");
  }
  const config::v1::GeoipConfig& geoip = config.geoip();
  if (geoip.city_db().empty() && geoip.country_db().empty()) {
    context.log.Warning("no city or country database is configured: events get no countries");
  }
  if (geoip.asn_db().empty()) {
    context.log.Warning("no ASN database is configured: events get no autonomous systems");
  }
  // What is wrong with a file has been logged, and is no reason not to start.
  enricher->geoip_.Refresh().IgnoreError();
  return enricher;
}

std::unique_ptr<pipeline::Processor> Enricher::MakeProcessor() {
  return std::make_unique<EnricherProcessor>(geoip_, networks_.get(), &metrics_,
                                             config_.max_addresses());
}

void Enricher::RefreshNetworksAfter(absl::Duration delay) {
  scheduler_.After(delay, "networks", [this](const std::stop_token& stop) {
    absl::Duration next = absl::Seconds(config_.networks_refresh_seconds());
    if (networks_->Refresh(/*always=*/false, stop).ok()) {
      networks_retry_.Reset();
    } else {
      next = std::min(next, networks_retry_.Next());
    }
    RefreshNetworksAfter(next);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::function<void()>> Enricher::PrepareReload() {
  ASSIGN_OR_RETURN(std::function<void()> geoip, geoip_.PrepareRefresh());
  if (networks_ == nullptr) return geoip;
  ASSIGN_OR_RETURN(std::function<void()> networks, networks_->PrepareRefresh());
  return [geoip = std::move(geoip), networks = std::move(networks)] {
    geoip();
    networks();
  };
}

absl::Status Enricher::Ready() const {
  return networks_ == nullptr ? absl::OkStatus() : networks_->Ready();
}

std::map<std::string, std::string> Enricher::Details() const {
  std::map<std::string, std::string> details = geoip_.Details();
  details["networks"] = networks_ == nullptr ? "no database" : networks_->Details();
  return details;
}

}  // namespace mentat::enricher
