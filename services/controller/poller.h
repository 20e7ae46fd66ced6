// Asks all instances for their state, all at once, again and again, and remembers what they said.
#ifndef SERVICES_CONTROLLER_POLLER_H_
#define SERVICES_CONTROLLER_POLLER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/service/log.h"
#include "mentat/config/v1/controller.pb.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/clients.h"
#include "services/controller/directory.h"
#include "services/controller/selection.h"

namespace mentat::controller {

// Thread-safe.
class Poller {
 public:
  // The clients outlive the object.
  Poller(const config::v1::ControllerConfig& config, Clients& clients, log::Logger log);

  // Asks in rounds until `stop` is requested.
  void Run(std::stop_token stop);

  // Waits for the end of a round that begins after the call. DeadlineExceeded if it takes longer
  // than a round can.
  absl::Status WaitForRound();
  // What is known now.
  v1::GetStatusResponse Snapshot() const;
  v1::ListStagesResponse Stages() const;
  // The instances that a call is for, as the last round knows them; if it does not, as another one
  // does.
  absl::StatusOr<std::vector<Target>> Find(const v1::Selection& selection);

 private:
  // An instance, by its address.
  struct Instance {
    std::string stage;
    v1::InstanceStatus status;
    // By SteadyNow.
    std::optional<absl::Duration> answered;  // when it told its state last
    absl::Duration listed;                   // when it was known to be there last
  };
  using Instances = std::map<std::string, std::unique_ptr<Instance>>;

  void Round();
  // What the call of an instance brought.
  void Remember(Instance& instance, const grpc::Status& called, stage::v1::Status&& status,
                absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MarkGone(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const config::v1::ControllerConfig config_;
  const absl::Duration call_timeout_;
  Clients& clients_;
  const log::Logger log_;

  mutable Mutex mutex_;
  CondVar changed_;
  // Only Run's thread changes the lists.
  std::vector<KnownStage> stages_ ABSL_GUARDED_BY(mutex_);
  Instances instances_ ABSL_GUARDED_BY(mutex_);
  absl::Time time_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();  // of the last round
  uint64_t started_ ABSL_GUARDED_BY(mutex_) = 0;                    // rounds
  uint64_t finished_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t wanted_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_POLLER_H_
