// Asks all instances for their state, all at once, again and again, and remembers what they said.
#ifndef SERVICES_CONTROLLER_POLLER_H_
#define SERVICES_CONTROLLER_POLLER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/service/log.h"
#include "mentat/config/v1/controller.pb.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/directory.h"

namespace mentat::controller {

// Thread-safe.
class Poller {
 public:
  Poller(const config::v1::ControllerConfig& config, log::Logger log);
  ~Poller();

  // Asks in rounds until `stop` is requested.
  void Run(std::stop_token stop);

  // What a round says that begins after the call. DeadlineExceeded if it takes longer than
  // `timeout`.
  absl::Status WaitForRound(absl::Duration timeout);
  // What is known now. Only the stages with these names; all if there are none.
  v1::GetStatusResponse Snapshot(const std::vector<std::string>& names) const;
  v1::ListStagesResponse Stages() const;

 private:
  struct Client;
  // An instance, by its address.
  struct Instance {
    std::string stage;
    v1::InstanceStatus status;
    absl::Time answered;  // when it told its state last; InfinitePast if never
    absl::Time listed;    // when it was known to be there last
    std::unique_ptr<Client> client;
  };
  using Instances = std::map<std::string, std::unique_ptr<Instance>>;

  void Round();
  // Asks the instances; the answers in their order.
  void Ask(const std::vector<Instance*>& instances, std::vector<v1::InstanceStatus>& answers) const;
  // A pair of lists, of the same order.
  void Remember(const std::vector<Instance*>& asked, std::vector<v1::InstanceStatus>& answers,
                absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MarkGone(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const config::v1::ControllerConfig config_;
  const log::Logger log_;

  mutable Mutex mutex_;
  CondVar changed_;
  // Only Run's thread changes the lists and uses the clients.
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
