#include "common/service/testing/event_source.h"

#include <stop_token>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::testing_support {

absl::StatusOr<std::unique_ptr<EventSource>> EventSource::Start(
    const std::string& peer, std::vector<std::string> categories) {
  pipeline::StageOptions options;
  options.name = "source";
  options.instance = "source-1";
  options.config.set_ack_bind("tcp://127.0.0.1:*");
  options.config.set_workers(1);
  options.config.set_max_batch_events(100);
  options.config.set_max_batch_bytes(1 << 20);
  options.config.set_max_event_bytes(1 << 20);
  options.config.set_max_call_events(100);
  config::v1::OutputConfig& output = (*options.config.mutable_outputs())["default"];
  output.add_peers(peer);
  output.set_window_batches(16);
  output.set_window_events(1000);
  output.set_window_bytes(1 << 20);
  output.set_ack_timeout_ms(60'000);
  output.set_resolve_seconds(1);
  output.set_resend_budget(0.1);
  ASSIGN_OR_RETURN(std::unique_ptr<pipeline::Stage> stage,
                   pipeline::Stage::Create(std::move(options)));
  RETURN_IF_ERROR(stage->Start());
  std::unique_ptr<EventSource> source(new EventSource(std::move(stage)));
  source->thread_ = std::jthread(
      [stage = source->stage_.get(), categories = std::move(categories)](std::stop_token stop) {
        for (uint64_t sent = 0; !stop.stop_requested();) {
          std::vector<pipeline::SourceEvent> events;
          for (const std::string& category : categories) {
            idea::v1::Event event;
            event.set_format("IDEA0");
            event.set_id(absl::StrCat("event-", sent++));
            event.add_category(category);
            events.push_back({event.SerializeAsString(), 1'700'000'000'000'000});
          }
          // Blocks while too many are on their way.
          if (!stage->Submit(std::move(events), [](const pipeline::Outcomes&) {}).ok()) return;
        }
      });
  return source;
}

EventSource::~EventSource() {
  thread_.request_stop();
  // Whoever waits for room waits no longer.
  stage_->Drain(absl::ZeroDuration()).IgnoreError();
  thread_.join();
}

}  // namespace mentat::testing_support
