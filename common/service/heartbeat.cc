#include "common/service/heartbeat.h"

#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/mutex.h"
#include "common/base/pause.h"
#include "common/service/metrics.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"

namespace mentat::service {
namespace {

using Clock = std::chrono::steady_clock;

double UnixSeconds(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

prometheus::Counter& AddHeartbeats(prometheus::Registry& registry, const char* result) {
  return AddCounter(registry, "mentat_heartbeats_total",
                    "Heartbeats whose outcome is known: committed in the database, or not.",
                    {{"result", result}});
}

}  // namespace

struct Heartbeat::State {
  explicit State(prometheus::Registry& registry)
      : committed(AddHeartbeats(registry, "committed")),
        failed(AddHeartbeats(registry, "failed")),
        seconds(AddHistogram(registry, "mentat_heartbeat_seconds",
                             "Time from the making of a heartbeat until its commit is known here.",
                             LatencyBuckets())),
        committed_time(
            AddGauge(registry, "mentat_heartbeat_committed_timestamp_seconds",
                     "When the heartbeat that was committed last was made, Unix time; at first, "
                     "when the process began to make them.")) {
    committed_time.Set(UnixSeconds(absl::Now()));
  }

  void Settled(bool stored, absl::Time made, Clock::time_point began) {
    (stored ? committed : failed).Increment();
    if (stored) {
      seconds.Observe(std::chrono::duration<double>(Clock::now() - began).count());
      committed_time.Set(UnixSeconds(made));
    }
    {
      const MutexLock lock(mutex);
      under_way = false;
    }
    changed.NotifyAll();
  }

  prometheus::Counter& committed;
  prometheus::Counter& failed;
  prometheus::Histogram& seconds;
  prometheus::Gauge& committed_time;
  Mutex mutex;
  CondVar changed;
  bool under_way ABSL_GUARDED_BY(mutex) = false;
};

Heartbeat::Heartbeat(prometheus::Registry& registry, pipeline::Stage& stage,
                     absl::Duration interval)
    : stage_(stage),
      interval_(interval),
      state_(std::make_shared<State>(registry)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

Heartbeat::~Heartbeat() = default;

void Heartbeat::Run(const std::stop_token& stop) {
  while (Pause(interval_, stop)) {
    const absl::Time made = absl::Now();
    const Clock::time_point began = Clock::now();
    pipeline::SourceBatch batch;
    batch.AddHeartbeat(absl::ToUnixMicros(made));
    {
      const MutexLock lock(state_->mutex);
      state_->under_way = true;
    }
    // What the registry holds outlives the stage, which calls this.
    const absl::Status submitted = stage_.Submit(
        std::move(batch), [state = state_, made, began](const pipeline::Outcomes& outcomes) {
          state->Settled(outcomes.kind(0) == pipeline::v1::EventOutcome::KIND_STORED, made, began);
        });
    if (!submitted.ok()) return;  // it is draining
    const MutexLock lock(state_->mutex);
    state_->changed.Wait(
        state_->mutex, stop,
        [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mutex) { return !state_->under_way; });
  }
}

}  // namespace mentat::service
