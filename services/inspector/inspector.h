// The inspector: a stage that looks at each event with a set of rules and classifies it, corrects
// it, sends it elsewhere or drops it. docs/rules.md describes the rules.
#ifndef SERVICES_INSPECTOR_INSPECTOR_H_
#define SERVICES_INSPECTOR_INSPECTOR_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/pipeline/stage.h"
#include "common/service/log.h"
#include "common/service/service.h"
#include "mentat/config/v1/inspector.pb.h"
#include "services/inspector/load_options.h"
#include "services/inspector/metrics.h"
#include "services/inspector/rule_set.h"

namespace mentat::inspector {

// Thread-safe.
class Inspector : public service::Service {
 public:
  using Config = config::v1::InspectorConfig;
  static constexpr std::string_view kName = "inspector";

  // InvalidArgument with all that is wrong with the rules: without rules there is nothing to do.
  static absl::StatusOr<std::unique_ptr<service::Service>> Create(const Config& config,
                                                                  service::Context& context);

  std::unique_ptr<pipeline::Processor> MakeProcessor() override;
  // Reads the rules again. A set with an error is refused as a whole, and the one in use stays.
  absl::StatusOr<std::function<void()>> PrepareReload() override;
  std::vector<service::ReloadPath> ReloadPaths() const override;
  std::map<std::string, std::string> Details() const override;

  std::shared_ptr<const RuleSet> rules() const;
  Metrics& metrics() { return metrics_; }

 private:
  Inspector(const Config& config, LoadOptions options, service::Context& context);

  const std::vector<std::string> paths_;
  const OnError on_error_;
  const LoadOptions options_;
  const log::Logger log_;
  Metrics metrics_;

  mutable absl::Mutex mutex_;
  std::shared_ptr<const RuleSet> rules_ ABSL_GUARDED_BY(mutex_);
  absl::Time loaded_ ABSL_GUARDED_BY(mutex_);
  // Why the last set was refused; OK if it is in use.
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_INSPECTOR_H_
