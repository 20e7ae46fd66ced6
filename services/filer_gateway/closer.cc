#include "services/filer_gateway/closer.h"

#include <utility>

namespace mentat::filer {

Closer::Closer(int threads, std::function<void()> closed) : closed_(std::move(closed)) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Closer::~Closer() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void Closer::Close(std::vector<UniqueFd> descriptors) {
  {
    const MutexLock lock(mutex_);
    for (UniqueFd& descriptor : descriptors) waiting_.push_back(std::move(descriptor));
  }
  changed_.NotifyAll();
}

void Closer::Run() {
  for (;;) {
    UniqueFd next;
    {
      const MutexLock lock(mutex_);
      changed_.Wait(mutex_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return ending_ || !waiting_.empty();
      });
      if (waiting_.empty()) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next.Reset();
    closed_();
  }
}

}  // namespace mentat::filer
