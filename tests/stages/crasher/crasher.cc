#include "tests/stages/crasher/crasher.h"

#include <cstdlib>
#include <span>
#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "common/base/pause.h"

namespace mentat::crasher {
namespace {

class Worker : public pipeline::Processor {
 public:
  explicit Worker(absl::Duration delay) : delay_(delay) {}

  void Process(std::span<pipeline::Item> items, std::stop_token stop) override {
    for (pipeline::Item& item : items) {
      const std::string& note = item.view().note();
      if (note == "poison") std::abort();
      if (!Pause(note == "hang" ? absl::InfiniteDuration() : delay_, stop)) item.Retry();
    }
  }

 private:
  const absl::Duration delay_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<service::Service>> Crasher::Create(const Config& config,
                                                                  service::Context&) {
  return std::unique_ptr<service::Service>(
      new Crasher(std::chrono::milliseconds(config.delay_ms())));
}

std::unique_ptr<pipeline::Processor> Crasher::MakeProcessor() {
  return std::make_unique<Worker>(absl::FromChrono(delay_));
}

}  // namespace mentat::crasher
