#include "services/enricher/enricher.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>
#include <span>
#include <utility>

#include "absl/time/time.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/store/connection.h"
#include "prometheus/counter.h"
#include "services/enricher/enrichment.h"

namespace mentat::enricher {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// After a failure of the database the next attempt follows soon, then ever later.
constexpr Seconds kFirstRetry{0.1};

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

// When something is to be done next.
class Timer {
 public:
  explicit Timer(double period_seconds) : period_(period_seconds) {}

  Clock::time_point due() const { return due_; }
  bool IsDue() const { return Clock::now() >= due_; }

  void Succeeded() {
    retry_ = kFirstRetry;
    Set(period_);
  }
  // Spread, so that many instances do not come back to a database in step.
  void Failed(std::mt19937& random) {
    Set(std::min(period_, retry_) * std::uniform_real_distribution<>(0.5, 1)(random));
    retry_ = std::min(retry_ * 2, Seconds(5));
  }

 private:
  void Set(Seconds delay) {
    due_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(delay);
  }

  const Seconds period_;
  Seconds retry_ = kFirstRetry;
  Clock::time_point due_ = Clock::now();
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
                    : nullptr) {}

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

absl::Status Enricher::Run(std::stop_token stop) {
  std::mt19937 random{std::random_device()()};
  Timer geoip(config_.geoip().refresh_seconds());
  geoip.Succeeded();  // in Create
  Timer networks(config_.networks_refresh_seconds());
  while (!stop.stop_requested()) {
    if (geoip.IsDue()) {
      // What is wrong has been logged; the files are looked at again in any case.
      geoip_.Refresh().IgnoreError();
      geoip.Succeeded();
    }
    Clock::time_point due = geoip.due();
    if (networks_ != nullptr) {
      if (networks.IsDue()) {
        if (networks_->Refresh(/*always=*/false, stop).ok()) {
          networks.Succeeded();
        } else {
          networks.Failed(random);
        }
      }
      due = std::min(due, networks.due());
    }
    Pause(absl::FromChrono(due - Clock::now()), stop);
  }
  return absl::OkStatus();
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
