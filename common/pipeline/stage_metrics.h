// What a stage's end of the pipeline counts. Updated by the pipeline's thread.
#ifndef COMMON_PIPELINE_STAGE_METRICS_H_
#define COMMON_PIPELINE_STAGE_METRICS_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/pipeline/refusal.h"
#include "common/pipeline/stage_core.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace mentat::pipeline {

class StageMetrics {
 public:
  StageMetrics(prometheus::Registry& registry, const std::vector<std::string>& outputs);

  void RefusedFrame(std::string_view reason);
  void Refused(const Refusal& refusal);
  void SetEncrypted(bool encrypted);
  void FailedResolve(const std::string& output) {
    outputs_.at(output).resolve_failures->Increment();
  }
  // Brings all series in line with the state of the stage.
  void Update(StageCore& core, Instant now);

 private:
  // A counter that follows one kept elsewhere.
  struct Follower {
    prometheus::Counter* counter = nullptr;
    uint64_t seen = 0;
    void Follow(uint64_t value) {
      counter->Increment(static_cast<double>(value - seen));
      seen = value;
    }
  };

  struct Output {
    Follower sent_batches;
    Follower resent_batches;
    Follower silent_batches;
    Follower late_acks;
    Follower lost_peers;
    Follower isolated_batches;
    Follower condemned_events;
    Follower returned_events;
    prometheus::Counter* resolve_failures;
    prometheus::Gauge* peers;
    prometheus::Gauge* peers_up;
    prometheus::Gauge* queued_events;
    prometheus::Gauge* unsettled_events;
  };

  std::map<std::string, Output> outputs_;
  std::map<std::string, prometheus::Counter*, std::less<>> refused_frames_;
  std::map<std::pair<Refusal::Kind, std::string_view>, prometheus::Counter*> refusals_;
  prometheus::Gauge* encrypted_;
  Follower received_batches_;
  Follower repeated_batches_;
  Follower refused_batches_;
  Follower abandoned_batches_;
  Follower given_up_events_;
  prometheus::Gauge* held_events_;
  prometheus::Gauge* held_bytes_;
  prometheus::Gauge* oldest_seconds_;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_STAGE_METRICS_H_
