#include "services/inspector/inspector.h"

#include <cstddef>
#include <span>
#include <stop_token>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "services/inspector/rule_loader.h"

namespace mentat::inspector {
namespace {

// More rules than this are left out of the status.
constexpr size_t kMaxShownRules = 500;

// Works on the events of one worker thread.
class Worker : public pipeline::Processor {
 public:
  explicit Worker(Inspector& inspector) : inspector_(inspector) {}

  void Process(std::span<pipeline::Item> items, std::stop_token) override {
    inspector_.rules()->Inspect(items);
    inspector_.metrics().inspected.Increment(static_cast<double>(items.size()));
  }

 private:
  Inspector& inspector_;
};

absl::StatusOr<LoadOptions> MakeLoadOptions(const Inspector::Config& config) {
  LoadOptions options;
  for (const auto& [name, output] : config.pipeline().outputs()) options.outputs.insert(name);
  for (const auto& [directory, output] : config.queues()) {
    if (!options.outputs.contains(output)) {
      return absl::InvalidArgumentError(
          absl::StrCat("queues[\"", directory, "\"]: pipeline.outputs has no output \"", output,
                       "\"", DidYouMean(output, options.outputs)));
    }
    options.queues[directory] = output;
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<service::Service>> Inspector::Create(const Config& config,
                                                                    service::Context& context) {
  ASSIGN_OR_RETURN(LoadOptions options, MakeLoadOptions(config));
  std::unique_ptr<Inspector> inspector(new Inspector(config, std::move(options), context));
  ASSIGN_OR_RETURN(const std::function<void()> use, inspector->PrepareReload());
  use();
  return inspector;
}

Inspector::Inspector(const Config& config, LoadOptions options, service::Context& context)
    : paths_(config.rules().begin(), config.rules().end()),
      on_error_(config.on_error() == "reject" ? OnError::kReject : OnError::kSkip),
      options_(std::move(options)),
      log_(context.log),
      metrics_(*context.registry) {}

std::unique_ptr<pipeline::Processor> Inspector::MakeProcessor() {
  return std::make_unique<Worker>(*this);
}

absl::StatusOr<std::function<void()>> Inspector::PrepareReload() {
  LoadResult result = LoadRules(paths_, options_);
  for (const Finding& warning : result.warnings) {
    log_.Unlimited().Warning("rules: look at this", {{"finding", warning.Format()}});
  }
  if (!result.errors.empty()) {
    for (const Finding& error : result.errors) {
      log_.Unlimited().Error("rules refused", {{"finding", error.Format()}});
    }
    metrics_.refused.Increment();
    const absl::Status refusal = absl::InvalidArgumentError(
        absl::StrCat("the rules are refused as a whole: ", Describe(result.errors)));
    absl::MutexLock lock(&mutex_);
    refusal_ = refusal;
    return refusal;
  }

  return [this, rules = std::make_shared<const RuleSet>(std::move(result.rules), on_error_,
                                                        metrics_, log_)] {
    const absl::Time now = absl::Now();
    metrics_.loaded.Increment();
    metrics_.rules.Set(static_cast<double>(rules->size()));
    metrics_.loaded_time.Set(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
    log_.Info("rules in use", {{"rules", rules->size()}, {"files", absl::StrJoin(paths_, ", ")}});
    absl::MutexLock lock(&mutex_);
    rules_ = rules;
    loaded_ = now;
    refusal_ = absl::OkStatus();
  };
}

std::vector<service::ReloadPath> Inspector::ReloadPaths() const {
  std::vector<service::ReloadPath> paths;
  for (const std::string& path : paths_) paths.push_back({path, {".json", ".conf"}});
  return paths;
}

std::shared_ptr<const RuleSet> Inspector::rules() const {
  absl::MutexLock lock(&mutex_);
  return rules_;
}

std::map<std::string, std::string> Inspector::Details() const {
  std::map<std::string, std::string> details;
  std::shared_ptr<const RuleSet> rules;
  {
    absl::MutexLock lock(&mutex_);
    rules = rules_;
    details["rules"] =
        absl::StrCat(rules->size(), " rules in use since ",
                     absl::FormatTime(absl::RFC3339_sec, loaded_, absl::UTCTimeZone()));
    if (!refusal_.ok()) details["rules refused"] = std::string(refusal_.message());
  }
  const std::vector<RuleStatus> status = rules->Status();
  for (size_t i = 0; i < status.size() && i < kMaxShownRules; ++i) {
    details[absl::StrCat("rule ", status[i].name)] =
        absl::StrCat(status[i].matches, " matches, ", status[i].errors, " errors");
  }
  return details;
}

}  // namespace mentat::inspector
