// What a worker thread is given: the events of one or more batches; and what it makes of them:
// parcels for the outputs and the fate of the events that end here. Plain data handed from the
// pipeline's thread to a worker and back; one owner at a time.
#ifndef COMMON_PIPELINE_JOB_H_
#define COMMON_PIPELINE_JOB_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/pipeline/batch.h"
#include "common/pipeline/group.h"
#include "common/pipeline/item.h"
#include "common/pipeline/router.h"
#include "google/protobuf/arena.h"

namespace mentat::pipeline {

class Processor;
class Tap;

struct Job {
  struct Batch {
    uint64_t serial = 0;  // of the receiver's batch and of its group
    BatchView view;
    std::optional<Instant> deadline;
    Group group;
  };

  const Routes* routes = nullptr;  // of the stage, which outlives the job
  Tap* tap = nullptr;              // likewise; null if there is none
  std::vector<Batch> batches;

  // Set by RunJob.
  std::map<std::string, std::vector<Parcel>, std::less<>> parcels;  // by output
  std::vector<Rejection> rejected;                                  // dead letters that began here
};

// What a worker keeps between jobs, so that it need not ask for memory anew.
class Workspace {
 public:
  Workspace();

 private:
  friend void RunJob(Job& job, Processor& processor, Workspace& workspace, std::stop_token stop);

  std::unique_ptr<char[]> block_;
  google::protobuf::Arena arena_;
  std::vector<Item> items_;
  std::vector<Router::Place> places_;  // of the items
};

// Has the processor decide on all events and carries its verdicts out. Dead letters pass by a
// processor that does not want them. What is no event is rejected beforehand, or given to a
// processor that wants dead letters as such.
void RunJob(Job& job, Processor& processor, Workspace& workspace, std::stop_token stop);

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_JOB_H_
