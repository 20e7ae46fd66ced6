// A source's heartbeat: at regular times an item without an event goes the way that events go,
// through a worker of every stage and into a transaction of the database, and the time until its
// outcome is known here is measured, by one clock. So it is known how long events take, and that
// they get through, also when none come.
//
// One is on its way at a time: while the pipeline stands still they do not pile up, and the time of
// the last that was committed tells how long it has stood.
#ifndef COMMON_SERVICE_HEARTBEAT_H_
#define COMMON_SERVICE_HEARTBEAT_H_

#include <memory>
#include <stop_token>
#include <thread>

#include "absl/time/time.h"
#include "common/pipeline/stage.h"

namespace prometheus {
class Registry;
}

namespace mentat::service {

class Heartbeat {
 public:
  // Begins. The registry and the stage outlive it.
  Heartbeat(prometheus::Registry& registry, pipeline::Stage& stage, absl::Duration interval);
  // Waits for its thread, which may itself wait for room in the pipeline: until the stage is
  // drained.
  ~Heartbeat();

  // No more are sent. Does not wait.
  void RequestStop() { thread_.request_stop(); }

 private:
  struct State;

  void Run(const std::stop_token& stop);

  pipeline::Stage& stage_;
  const absl::Duration interval_;
  const std::shared_ptr<State> state_;  // outcomes may come after the end
  std::jthread thread_;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_HEARTBEAT_H_
