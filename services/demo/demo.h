// The smallest stage, to be copied: docs/writing-a-stage.md goes through it line by line.
#ifndef SERVICES_DEMO_DEMO_H_
#define SERVICES_DEMO_DEMO_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/service/service.h"
#include "mentat/config/v1/demo.pb.h"

namespace prometheus {
class Counter;
class Registry;
}  // namespace prometheus

namespace mentat::demo {

struct Metrics {
  explicit Metrics(prometheus::Registry& registry);
  prometheus::Counter& noted;
};

// Thread-safe.
class Demo : public service::Service {
 public:
  using Config = config::v1::DemoConfig;
  using Categories = std::set<std::string, std::less<>>;
  static constexpr std::string_view kName = "demo";

  static absl::StatusOr<std::unique_ptr<service::Service>> Create(const Config& config,
                                                                  service::Context& context);

  std::unique_ptr<pipeline::Processor> MakeProcessor() override;
  absl::StatusOr<std::function<void()>> PrepareReload() override;
  std::vector<service::ReloadPath> ReloadPaths() const override;
  std::map<std::string, std::string> Details() const override;

 private:
  Demo(const Config& config, service::Context& context);
  std::shared_ptr<const Categories> unwanted() const;

  const Config config_;
  const log::Logger log_;
  Metrics metrics_;

  mutable Mutex mutex_;
  std::shared_ptr<const Categories> unwanted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::demo

#endif  // SERVICES_DEMO_DEMO_H_
