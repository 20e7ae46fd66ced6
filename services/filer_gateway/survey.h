// Looks at a queue from outside, at regular times, for the metrics: what waits, and how much room
// the disk has. On a thread of its own, since the reader stands still while the pipeline is full,
// which is when these matter most.
#ifndef SERVICES_FILER_GATEWAY_SURVEY_H_
#define SERVICES_FILER_GATEWAY_SURVEY_H_

#include <thread>

#include "absl/time/time.h"
#include "services/filer_gateway/metrics.h"
#include "services/filer_gateway/queue.h"

namespace mentat::filer {

// One look. What cannot be seen keeps its last figure.
void SurveyQueue(const Queue& queue, InMetrics& metrics);

class Survey {
 public:
  // Looks at once and then after each `interval`. Queue and metrics outlive it.
  Survey(const Queue& queue, InMetrics& metrics, absl::Duration interval);

 private:
  std::jthread thread_;
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_SURVEY_H_
