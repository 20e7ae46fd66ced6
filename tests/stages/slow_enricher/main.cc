// The enricher as it is, with a look-up of 5 ms for each event added: what a replica does when it
// waits for somebody else, as for DNS or a registry, and what more replicas are for.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/pipeline/stage.h"
#include "common/service/service.h"
#include "services/enricher/enricher.h"

namespace mentat {
namespace {

constexpr std::chrono::milliseconds kLookUp(5);

class SlowProcessor : public pipeline::Processor {
 public:
  explicit SlowProcessor(std::unique_ptr<pipeline::Processor> next) : next_(std::move(next)) {}

  void Process(std::span<pipeline::Item> items, std::stop_token stop) override {
    // One after the other: all look-ups of a call take as long as their sum.
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, kLookUp * items.size(), [] { return false; });
    if (stop.stop_requested()) {
      for (pipeline::Item& item : items) item.Retry();
      return;
    }
    next_->Process(items, stop);
  }

 private:
  const std::unique_ptr<pipeline::Processor> next_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
};

class SlowEnricher : public service::Service {
 public:
  using Config = enricher::Enricher::Config;
  static constexpr std::string_view kName = enricher::Enricher::kName;

  static absl::StatusOr<std::unique_ptr<service::Service>> Create(const Config& config,
                                                                  service::Context& context) {
    absl::StatusOr<std::unique_ptr<service::Service>> next =
        enricher::Enricher::Create(config, context);
    if (!next.ok()) return next.status();
    return std::unique_ptr<service::Service>(new SlowEnricher(*std::move(next)));
  }

  std::unique_ptr<pipeline::Processor> MakeProcessor() override {
    return std::make_unique<SlowProcessor>(next_->MakeProcessor());
  }
  absl::Status Run(std::stop_token stop) override { return next_->Run(std::move(stop)); }
  absl::StatusOr<std::function<void()>> PrepareReload() override { return next_->PrepareReload(); }
  absl::Status Ready() const override { return next_->Ready(); }
  std::map<std::string, std::string> Details() const override { return next_->Details(); }

 private:
  explicit SlowEnricher(std::unique_ptr<service::Service> next) : next_(std::move(next)) {}

  const std::unique_ptr<service::Service> next_;
};

}  // namespace
}  // namespace mentat

int main(int argc, char** argv) { return mentat::service::Main<mentat::SlowEnricher>(argc, argv); }
