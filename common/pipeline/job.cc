#include "common/pipeline/job.h"

#include <utility>

#include "common/pipeline/stage.h"

namespace mentat::pipeline {

void RunJob(Job& job, Processor& processor, std::stop_token stop) {
  size_t sound = 0;
  for (size_t i = 0; i < job.items.size(); ++i) {
    if (job.items[i].dead_letter() == nullptr && !job.items[i].Parse()) {
      constexpr char kMessage[] = "not a serialised mentat.idea.v1.Event";
      if (!job.keeps_dead_letters) {
        job.items[i].Reject(v1::REASON_MALFORMED, kMessage);
        continue;
      }
      v1::DeadLetter& dead_letter = job.dead_letters.emplace_back();
      dead_letter.set_reason(v1::REASON_MALFORMED);
      dead_letter.set_message(kMessage);
      job.items[i] = Item(job.items[i].TakeWire(), job.items[i].received_at(), &dead_letter);
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
