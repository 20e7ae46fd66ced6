// Asks the controller again and again, beside the thread that shows what it tells.
#ifndef TOOLS_MENTATCTL_TOP_WATCHER_H_
#define TOOLS_MENTATCTL_TOP_WATCHER_H_

#include <stop_token>
#include <thread>

#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/base/unique_fd.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/top_view.h"

namespace mentat::mentatctl {

// A controller that is away is asked again after the interval. Thread-safe.
class TopWatcher {
 public:
  // `session` outlives the object.
  TopWatcher(const Session& session, absl::Duration interval);

  TopData Latest() const;
  // Readable, as an eventfd, when Latest has changed.
  int waker() const { return waker_.get(); }

  absl::Duration interval() const;
  // From half a second to a minute.
  void SetInterval(absl::Duration interval);

 private:
  void Run(std::stop_token stop);
  // Until the stream ends, the interval changes, or `stop`.
  absl::Status Watch(const std::stop_token& stop);
  void Store(const controller::v1::WatchStatusResponse& status,
             const controller::v1::GetTopologyResponse& topology);
  void StoreError(const absl::Status& error);
  void Wake();

  const Session& session_;
  const UniqueFd waker_;
  mutable Mutex mutex_;
  CondVar changed_;
  TopData latest_ ABSL_GUARDED_BY(mutex_);
  absl::Duration interval_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;  // the last member: it uses all others
};

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TOP_WATCHER_H_
