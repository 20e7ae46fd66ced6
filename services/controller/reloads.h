// Reloads of many instances: all of them take something new into use, or none.
//
// First all prepare, and say what is wrong. Only if nothing is wrong anywhere, the journal is
// written, and from then on the reload is finished, whatever happens: an instance that was lost
// meanwhile gets it when it is back, also from the next controller. Before that moment nothing has
// changed anywhere, and whoever has prepared throws it away when he is told to or when his time is
// over. A rollback puts files before all that; its journal says what they were, so that it is
// undone whatever happens.
#ifndef SERVICES_CONTROLLER_RELOADS_H_
#define SERVICES_CONTROLLER_RELOADS_H_

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/service/log.h"
#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/poller.h"
#include "services/controller/reload_ending.h"
#include "services/controller/reload_steps.h"
#include "services/controller/reload_store.h"

namespace prometheus {
class Counter;
class Gauge;
class Registry;
}  // namespace prometheus

namespace mentat::controller {

struct ReloadMetrics {
  explicit ReloadMetrics(prometheus::Registry& registry);
  prometheus::Counter& ok;
  prometheus::Counter& refused;
  prometheus::Counter& unfinished;
  prometheus::Gauge& open;
};

// As the service Controller has them. Thread-safe.
class Reloads {
 public:
  struct Options {
    absl::Duration call_timeout;
    absl::Duration reload_timeout;  // that an instance may take to check its files
  };

  // Poller and clients outlive the object. Without a store reloads can only be checked.
  Reloads(Poller& poller, Clients& clients, std::unique_ptr<ReloadStore> store,
          const Options& options, prometheus::Registry& registry, const log::Logger& log);

  // Brings to its end what this controller or one before it could not, until `stop` is requested.
  void Run(const std::stop_token& stop);
  // For the status of the controller.
  std::map<std::string, std::string> Details() const;

  grpc::Status Reload(const v1::ReloadRequest& request, const std::string& caller,
                      v1::ReloadResponse& response);
  grpc::Status ListReloads(const v1::ListReloadsRequest& request,
                           v1::ListReloadsResponse& response) const;
  grpc::Status Rollback(const v1::RollbackRequest& request, const std::string& caller,
                        v1::RollbackResponse& response);

 private:
  // A reload as it is being made.
  struct Attempt {
    std::string id;
    std::vector<Target> targets;
    v1::ReloadResponse response;
    state::v1::Journal journal;
  };

  // One at a time: Aborted if another one takes too long.
  grpc::Status InTurn(const std::function<grpc::Status()>& work);

  // Tries to bring an older reload to its end. FailedPrecondition if files of a rollback have still
  // to be put back somewhere; one that could not be committed everywhere does not stand in the way
  // of the next.
  absl::Status FinishOlder();
  absl::StatusOr<Attempt> Begin(const v1::Selection& selection, const std::string& caller,
                                const std::string& comment);
  // The answers are in the attempt. Whether all is well:
  bool Prepare(Attempt& attempt) const;
  bool ReadFiles(Attempt& attempt) const;
  absl::StatusOr<bool> PutFiles(const state::v1::KeptReload& kept, Attempt& attempt);
  // Everybody has prepared: there is no way back.
  grpc::Status Commit(Attempt& attempt);
  // Undoes what has been begun.
  grpc::Status Refuse(const std::string& what, const Attempt& attempt);
  // Tries again and again, for a short while. Whether it is done, and the journal is gone.
  bool End(ReloadEnding& ending);
  bool TryOnce(ReloadEnding& ending);
  void SetOpen(bool open);

  Poller& poller_;
  const ReloadSteps steps_;
  const std::unique_ptr<ReloadStore> store_;
  const log::Logger log_;
  ReloadMetrics metrics_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;  // there is something to bring to its end
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_RELOADS_H_
