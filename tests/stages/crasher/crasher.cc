#include "tests/stages/crasher/crasher.h"

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>

namespace mentat::crasher {
namespace {

class Worker : public pipeline::Processor {
 public:
  explicit Worker(std::chrono::milliseconds delay) : delay_(delay) {}

  void Process(std::span<pipeline::Item> items, std::stop_token stop) override {
    for (pipeline::Item& item : items) {
      const std::string& note = item.view().note();
      if (note == "poison") std::abort();
      if (!Wait(note == "hang" ? std::chrono::milliseconds::max() : delay_, stop)) item.Retry();
    }
  }

 private:
  // Whether the time passed before the stage was stopped.
  bool Wait(std::chrono::milliseconds time, std::stop_token stop) {
    if (time == std::chrono::milliseconds::zero()) return !stop.stop_requested();
    std::unique_lock<std::mutex> lock(mutex_);
    const auto never = [] { return false; };
    if (time == std::chrono::milliseconds::max()) {
      condition_.wait(lock, stop, never);
    } else {
      condition_.wait_for(lock, stop, time, never);
    }
    return !stop.stop_requested();
  }

  const std::chrono::milliseconds delay_;
  std::mutex mutex_;
  std::condition_variable_any condition_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<service::Service>> Crasher::Create(const Config& config,
                                                                  service::Context&) {
  return std::unique_ptr<service::Service>(
      new Crasher(std::chrono::milliseconds(config.delay_ms())));
}

std::unique_ptr<pipeline::Processor> Crasher::MakeProcessor() {
  return std::make_unique<Worker>(delay_);
}

}  // namespace mentat::crasher
