#include "services/filer_gateway/filer_gateway.h"

#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/filer_gateway/finisher.h"
#include "services/filer_gateway/metrics.h"
#include "services/filer_gateway/queue.h"
#include "services/filer_gateway/queue_writer.h"
#include "services/filer_gateway/reader.h"
#include "services/filer_gateway/survey.h"

namespace mentat::filer {
namespace {

// Descriptors for all but the files in pending: sockets, logs, directories.
constexpr uint64_t kOtherDescriptors = 256;
constexpr absl::Duration kSurveyInterval = absl::Seconds(5);

// Lets the process have as many descriptors as the system allows, and says how many files that
// leaves for pending, at most `wanted`.
uint64_t AllowFiles(uint64_t wanted, const log::Logger& log) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  if (limit.rlim_cur < wanted + kOtherDescriptors) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted + kOtherDescriptors);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= wanted + kOtherDescriptors) return wanted;
  const uint64_t allowed = limit.rlim_cur > 2 * kOtherDescriptors
                               ? limit.rlim_cur - kOtherDescriptors
                               : kOtherDescriptors;
  log.Warning("max_pending_files is above what the limit of open files (ulimit -n) leaves",
              {{"max_pending_files", wanted}, {"used", allowed}});
  return allowed;
}

Reader::Options ReaderOptions(const config::v1::FilerGatewayConfig& config,
                              const service::Context& context) {
  Reader::Options options;
  options.stage = context.name;
  options.instance = context.instance;
  options.max_batch_events = config.pipeline().max_batch_events();
  options.max_batch_bytes = config.pipeline().max_batch_bytes();
  options.event_limits.max_bytes = config.pipeline().max_event_bytes();
  options.event_limits.max_depth = config.limits().max_depth();
  options.event_limits.max_list_items = config.limits().max_list_items();
  options.content_limits.max_bytes = config.max_file_bytes();
  options.content_limits.max_ratio = config.max_ratio();
  options.rescan = absl::Seconds(config.rescan_seconds());
  options.log = context.log;
  return options;
}

Finisher::Options FinisherOptions(const config::v1::FilerGatewayConfig& config,
                                  const service::Context& context) {
  Finisher::Options options;
  options.max_files = AllowFiles(config.max_pending_files(), context.log);
  options.max_error_files = config.max_error_files();
  options.log = context.log;
  return options;
}

class Source : public service::Service {
 public:
  Source(const config::v1::FilerGatewayConfig& config, service::Context& context, Queue queue)
      : queue_(std::move(queue)),
        metrics_(*context.registry),
        finisher_(queue_, metrics_, FinisherOptions(config, context)),
        reader_(
            queue_, finisher_, metrics_,
            [&context](pipeline::SourceBatch batch,
                       std::function<void(pipeline::Outcomes)> settled) {
              return context.stage->Submit(std::move(batch), std::move(settled));
            },
            ReaderOptions(config, context)) {}

  absl::Status Run(std::stop_token stop) override {
    const Survey survey(queue_, metrics_, kSurveyInterval);
    return reader_.Run(std::move(stop));
  }

  absl::Status Ready() const override {
    RETURN_IF_ERROR(queue_.CheckWritable());
    RETURN_IF_ERROR(reader_.Health());
    return finisher_.Health();
  }

  std::map<std::string, std::string> Details() const override {
    const auto text = [](double value) { return absl::StrCat(static_cast<int64_t>(value)); };
    return {{"direction", "in"},
            {"queue", queue_.path()},
            {"files_finished", text(metrics_.finished.Value())},
            {"files_errored", text(metrics_.errored.Value() + metrics_.irregular.Value())},
            {"files_pending", text(metrics_.pending.Value())},
            {"files_incoming", text(metrics_.incoming.Value())}};
  }

 private:
  const Queue queue_;
  InMetrics metrics_;
  Finisher finisher_;
  Reader reader_;
};

class Sink : public service::Service {
 public:
  Sink(std::unique_ptr<OutMetrics> metrics, std::unique_ptr<Target> target)
      : metrics_(std::move(metrics)), target_(std::move(target)) {}

  std::unique_ptr<pipeline::Processor> MakeProcessor() override {
    return std::make_unique<QueueWriter>(*target_);
  }

  absl::Status Ready() const override {
    RETURN_IF_ERROR(target_->queue().CheckWritable());
    return target_->Health();
  }

  std::map<std::string, std::string> Details() const override {
    return {{"direction", "out"},
            {"queue", target_->queue().path()},
            {"files_written", absl::StrCat(static_cast<int64_t>(metrics_->written.Value()))}};
  }

 private:
  const std::unique_ptr<OutMetrics> metrics_;
  const std::unique_ptr<Target> target_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<service::Service>> FilerGateway::Create(const Config& config,
                                                                       service::Context& context) {
  const bool out = config.direction() == "out";
  if (out != config.pipeline().has_input()) {
    return absl::InvalidArgumentError(
        out ? "pipeline.input: needed where direction is out"
            : "pipeline.input: not possible where direction is in, since the queue is the input");
  }
  if (out) {
    auto metrics = std::make_unique<OutMetrics>(*context.registry);
    Target::Options options;
    options.max_waiting_files = config.max_waiting_files();
    options.log = context.log;
    ASSIGN_OR_RETURN(std::unique_ptr<Target> target,
                     Target::Open(config.queue(), *metrics, std::move(options)));
    return std::make_unique<Sink>(std::move(metrics), std::move(target));
  }
  ASSIGN_OR_RETURN(Queue queue, Queue::Open(config.queue()));
  return std::make_unique<Source>(config, context, std::move(queue));
}

}  // namespace mentat::filer
