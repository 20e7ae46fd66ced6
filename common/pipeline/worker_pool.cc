#include "common/pipeline/worker_pool.h"

#include <utility>

namespace mentat::pipeline {

WorkerPool::WorkerPool(std::vector<std::unique_ptr<Processor>> processors,
                       std::function<void()> finished)
    : processors_(std::move(processors)), finished_(std::move(finished)) {
  for (const auto& processor : processors_) {
    threads_.emplace_back(
        [this, &processor](std::stop_token stop) { Run(std::move(stop), *processor); });
  }
}

WorkerPool::~WorkerPool() {
  RequestStop();
  for (std::jthread& thread : threads_) thread.request_stop();
}

void WorkerPool::Push(std::unique_ptr<Job> job) {
  {
    const MutexLock lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.NotifyOne();
}

std::vector<std::unique_ptr<Job>> WorkerPool::Collect() {
  const MutexLock lock(mutex_);
  return std::exchange(done_, {});
}

void WorkerPool::Run(std::stop_token stop, Processor& processor) {
  Workspace workspace;
  while (true) {
    std::unique_ptr<Job> job;
    {
      const MutexLock lock(mutex_);
      if (!wake_.Wait(mutex_, stop,
                      [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !queue_.empty(); })) {
        return;
      }
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    RunJob(*job, processor, workspace, stop_.get_token());
    {
      const MutexLock lock(mutex_);
      done_.push_back(std::move(job));
    }
    finished_();
  }
}

}  // namespace mentat::pipeline
