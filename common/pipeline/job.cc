#include "common/pipeline/job.h"

#include <utility>

#include "common/pipeline/stage.h"

namespace mentat::pipeline {

void RunJob(Job& job, Processor& processor, std::stop_token stop) {
  size_t sound = 0;
  for (size_t i = 0; i < job.items.size(); ++i) {
    if (job.items[i].dead_letter() == nullptr && !job.items[i].Parse()) {
      job.items[i].Reject(v1::REASON_MALFORMED, "not a serialised mentat.idea.v1.Event");
      continue;
    }
    std::swap(job.items[sound], job.items[i]);
    std::swap(job.tickets[sound], job.tickets[i]);
    std::swap(job.deadlines[sound], job.deadlines[i]);
    ++sound;
  }
  if (sound > 0) processor.Process(std::span(job.items).first(sound), std::move(stop));
  job.wires.resize(job.items.size());
  for (size_t i = 0; i < job.items.size(); ++i) {
    switch (job.items[i].verdict()) {
      case Item::Verdict::kForward:
      case Item::Verdict::kDispatch:
      case Item::Verdict::kReject:
        job.wires[i] = job.items[i].TakeWire();
        break;
      default:
        break;
    }
  }
}

}  // namespace mentat::pipeline
