#include "services/demo/demo.h"

#include <fstream>
#include <functional>
#include <span>
#include <stop_token>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/metrics.h"
#include "prometheus/counter.h"

namespace mentat::demo {
namespace {

absl::StatusOr<Demo::Categories> ReadCategories(const std::string& path) {
  Demo::Categories categories;
  if (path.empty()) return categories;
  std::ifstream in(path);
  if (!in.is_open()) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) categories.insert(line);
  }
  if (in.bad()) return absl::UnavailableError(absl::StrCat("cannot read ", path));
  return categories;
}

// The work of one thread.
class DemoProcessor : public pipeline::Processor {
 public:
  DemoProcessor(std::string note, Metrics& metrics,
                std::function<std::shared_ptr<const Demo::Categories>()> unwanted)
      : note_(std::move(note)), metrics_(metrics), unwanted_(std::move(unwanted)) {}

  void Process(std::span<pipeline::Item> items, std::stop_token) override {
    const std::shared_ptr<const Demo::Categories> unwanted = unwanted_();
    for (pipeline::Item& item : items) {
      if (const std::string* category = FindUnwanted(item.view(), *unwanted)) {
        item.Drop(absl::StrCat("unwanted ", *category));
      } else if (!item.view().has_note()) {
        item.event().set_note(note_);
        metrics_.noted.Increment();
      }
    }
  }

 private:
  static const std::string* FindUnwanted(const idea::v1::Event& event,
                                         const Demo::Categories& unwanted) {
    for (const std::string& category : event.category()) {
      if (unwanted.contains(category)) return &category;
    }
    return nullptr;
  }

  const std::string note_;
  Metrics& metrics_;
  const std::function<std::shared_ptr<const Demo::Categories>()> unwanted_;
};

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : noted(service::AddCounter(registry, "mentat_demo_noted_events_total",
                                "Events that a note was written into.")) {}

absl::StatusOr<std::unique_ptr<service::Service>> Demo::Create(const Config& config,
                                                               service::Context& context) {
  std::unique_ptr<Demo> demo(new Demo(config, context));
  ASSIGN_OR_RETURN(const std::function<void()> use, demo->PrepareReload());
  use();
  return demo;
}

Demo::Demo(const Config& config, service::Context& context)
    : config_(config), log_(context.log.ForModule("demo")), metrics_(*context.registry) {}

std::unique_ptr<pipeline::Processor> Demo::MakeProcessor() {
  return std::make_unique<DemoProcessor>(config_.note(), metrics_, [this] { return unwanted(); });
}

absl::StatusOr<std::function<void()>> Demo::PrepareReload() {
  ASSIGN_OR_RETURN(Categories read, ReadCategories(config_.unwanted_file()));
  return [this, unwanted = std::make_shared<const Categories>(std::move(read))] {
    log_.Info("unwanted categories in use", {{"count", unwanted->size()}});
    const MutexLock lock(mutex_);
    unwanted_ = unwanted;
  };
}

std::vector<service::ReloadPath> Demo::ReloadPaths() const {
  return {{config_.unwanted_file(), {}}};
}

std::shared_ptr<const Demo::Categories> Demo::unwanted() const {
  const MutexLock lock(mutex_);
  return unwanted_;
}

std::map<std::string, std::string> Demo::Details() const {
  return {{"unwanted_categories", absl::StrCat(unwanted()->size())}};
}

}  // namespace mentat::demo
