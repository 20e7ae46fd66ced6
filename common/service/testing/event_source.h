// A source of events in the test's own process, which sends them to a stage as fast as it takes
// them.
#ifndef COMMON_SERVICE_TESTING_EVENT_SOURCE_H_
#define COMMON_SERVICE_TESTING_EVENT_SOURCE_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pipeline/stage.h"

namespace mentat::testing_support {

class EventSource {
 public:
  // Sends an event of each of the categories to the ZeroMQ endpoint `peer`, again and again, until
  // it is destroyed.
  static absl::StatusOr<std::unique_ptr<EventSource>> Start(const std::string& peer,
                                                            std::vector<std::string> categories);
  ~EventSource();

 private:
  explicit EventSource(std::unique_ptr<pipeline::Stage> stage) : stage_(std::move(stage)) {}

  const std::unique_ptr<pipeline::Stage> stage_;
  std::jthread thread_;
};

}  // namespace mentat::testing_support

#endif  // COMMON_SERVICE_TESTING_EVENT_SOURCE_H_
