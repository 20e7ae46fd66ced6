// The threads that run the processors. Thread-safe.
#ifndef COMMON_PIPELINE_WORKER_POOL_H_
#define COMMON_PIPELINE_WORKER_POOL_H_

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/pipeline/job.h"
#include "common/pipeline/stage.h"

namespace mentat::pipeline {

class WorkerPool {
 public:
  // One thread for each processor. `finished` is told from those threads when a job can be
  // collected.
  WorkerPool(std::vector<std::unique_ptr<Processor>> processors, std::function<void()> finished);
  // Asks the processors to stop and waits for them.
  ~WorkerPool();

  void Push(std::unique_ptr<Job> job);
  // The jobs that were finished since the last call.
  std::vector<std::unique_ptr<Job>> Collect();
  // Asks the processors to give up what they wait for.
  void RequestStop() { stop_.request_stop(); }
  size_t size() const { return processors_.size(); }

 private:
  void Run(std::stop_token stop, Processor& processor);

  const std::vector<std::unique_ptr<Processor>> processors_;
  const std::function<void()> finished_;
  std::stop_source stop_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<std::unique_ptr<Job>> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Job>> done_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;  // last: they use the others
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_WORKER_POOL_H_
