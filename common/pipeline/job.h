// What a worker thread is given: the events of one or more batches, and where their outcomes
// belong. Plain data handed from the pipeline's thread to a worker and back; one owner at a time.
#ifndef COMMON_PIPELINE_JOB_H_
#define COMMON_PIPELINE_JOB_H_

#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/pipeline/item.h"
#include "common/pipeline/sender.h"
#include "google/protobuf/arena.h"

namespace mentat::pipeline {

class Processor;

struct Job {
  std::unique_ptr<google::protobuf::Arena> arena = std::make_unique<google::protobuf::Arena>();
  std::deque<v1::DeadLetter> dead_letters;  // that items point to
  bool keeps_dead_letters = false;          // whether the processor is given them
  std::vector<uint64_t> serials;            // of the receiver's batches
  std::vector<Item> items;
  std::vector<Ticket> tickets;                    // of the items
  std::vector<std::optional<Instant>> deadlines;  // of the items
  std::vector<std::string> wires;                 // set by RunJob: the events to send on
};

// Has the processor decide on all items. Items that are no events are rejected beforehand, or given
// to a processor that keeps dead letters as such; so the items may change their order, their
// tickets with them.
void RunJob(Job& job, Processor& processor, std::stop_token stop);

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_JOB_H_
