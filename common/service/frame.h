// What the frame knows and does while a service runs: readiness, status, rates, reloads, and the
// metrics that every service has. RunMain puts it together with the sockets.
#ifndef COMMON_SERVICE_FRAME_H_
#define COMMON_SERVICE_FRAME_H_

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/pipeline/stage.h"
#include "common/service/access/credential_metrics.h"
#include "common/service/admin_server.h"
#include "common/service/config_binder.h"
#include "common/service/log.h"
#include "common/service/log_sink.h"
#include "common/service/notify.h"
#include "common/service/rates.h"
#include "common/service/reloader.h"
#include "common/service/runlog/runlog_keeper.h"
#include "common/service/service.h"
#include "common/service/statistics.h"

namespace prometheus {
struct MetricFamily;
}

namespace mentat::service {

struct FrameOptions {
  std::string name;
  std::string instance;
  std::shared_ptr<log::Sink> sink;
  std::vector<ConfigEntry> config;
  Service* service = nullptr;        // outlives the frame
  pipeline::Stage* stage = nullptr;  // likewise; null without a pipeline
  Reloader* reloader = nullptr;      // likewise
  RunlogKeeper* runlog = nullptr;    // likewise
  std::function<void()> on_drain;    // called when a call asks for the end of the process
  Notifier notifier;
  absl::Duration statistics_interval = absl::InfiniteDuration();  // of the lines in the log
  CredentialFiles credentials;
};

// Thread-safe.
class Frame : public AdminHandler {
 public:
  explicit Frame(FrameOptions options);
  ~Frame() override;

  // Begins to look after the readiness and tells the server, which outlives Stop, what has changed.
  void Start(AdminServer& admin);
  // From now on the service is not ready, and the server has been told so when this returns.
  void BeginDrain();
  // Other values than at the start are in use.
  void SetConfig(std::vector<ConfigEntry> config);
  // Ends the frame's thread.
  void Stop();

  // Reloads in the frame's thread and opens the log file again.
  void RequestReload();
  // Writes the counters to the log.
  void LogStatistics();
  // Everything is logged until the next call.
  void ToggleDebug();

  // AdminHandler.
  void FillStatus(stage::v1::Status& status) const override;
  absl::Status Pause() override;
  absl::Status Resume() override;
  absl::Status Drain() override;
  Reloader& reloader() override { return *options_.reloader; }
  pipeline::Stage* stage() const override { return options_.stage; }
  absl::StatusOr<std::string> SetLogLevel(const std::string& level,
                                          const std::string& module) override;
  std::vector<ConfigEntry> Config() const override;
  stage::v1::Runlog Runlog() const override { return options_.runlog->Now(); }

  // The metrics of the frame; docs/configuration.md has the list.
  std::vector<prometheus::MetricFamily> CollectMetrics() const;

 private:
  void Run(std::stop_token stop);
  // Looks at the readiness and tells what has changed.
  void Evaluate();
  void SampleRates(absl::Time now);
  // Says that the process is alive: this thread, and the pipeline's locks that it has just taken.
  void NotifyWatchdog(absl::Time now);
  // Gives memory that is free back to the system once nothing has come for a while: what was needed
  // under load would otherwise stay with a stage that has nothing to do.
  void TrimIfIdle();
  absl::Status CheckReadiness() const;
  absl::Status readiness() const;
  Rates rates() const;

  const FrameOptions options_;
  const log::Logger log_;
  const absl::Time start_time_;
  Statistics statistics_;
  AdminServer* admin_ = nullptr;
  std::atomic<bool> started_ = false;
  std::atomic<bool> draining_ = false;

  Mutex evaluate_mutex_;  // one evaluation at a time

  mutable Mutex mutex_;
  CondVar wake_;
  absl::Status readiness_ ABSL_GUARDED_BY(mutex_);  // as told last
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time paused_since_ ABSL_GUARDED_BY(mutex_);
  bool reload_requested_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<ConfigEntry> config_ ABSL_GUARDED_BY(mutex_);
  Rates rates_ ABSL_GUARDED_BY(mutex_);
  absl::Time watchdog_due_;  // the thread's own
  uint64_t trimmed_at_ = 0;  // events received when memory was given back; the thread's own

  std::jthread thread_;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_FRAME_H_
