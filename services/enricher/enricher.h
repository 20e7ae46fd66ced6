// The stage that adds to events what is known about their addresses. docs/enricher.md describes it.
#ifndef SERVICES_ENRICHER_ENRICHER_H_
#define SERVICES_ENRICHER_ENRICHER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pipeline/stage.h"
#include "common/service/composite.h"
#include "common/service/scheduler.h"
#include "common/service/service.h"
#include "common/store/backoff.h"
#include "mentat/config/v1/enricher.pb.h"
#include "services/enricher/geoip.h"
#include "services/enricher/metrics.h"
#include "services/enricher/network_source.h"

namespace mentat::enricher {

// Thread-safe.
class Enricher : public service::Composite {
 public:
  using Config = config::v1::EnricherConfig;
  static constexpr std::string_view kName = "enricher";

  static absl::StatusOr<std::unique_ptr<service::Service>> Create(const Config& config,
                                                                  service::Context& context);

  // The processors share what this keeps fresh; it outlives them.
  std::unique_ptr<pipeline::Processor> MakeProcessor() override;
  absl::StatusOr<std::function<void()>> PrepareReload() override;
  absl::Status Ready() const override;
  std::map<std::string, std::string> Details() const override;

 private:
  Enricher(const Config& config, service::Context& context);

  // Looks whether the table has changed, and again in its period; sooner while that fails.
  void RefreshNetworksAfter(absl::Duration delay);

  const Config config_;
  Metrics metrics_;
  GeoipFiles geoip_;
  std::unique_ptr<NetworkSource> networks_;  // null without a database
  store::Backoff networks_retry_;            // the scheduler's thread alone uses it
  service::Scheduler& scheduler_;            // looks for new files and a changed table
};

}  // namespace mentat::enricher

#endif  // SERVICES_ENRICHER_ENRICHER_H_
