// The run log of this process: gathers what there is to tell, and keeps it in a file.
#ifndef COMMON_SERVICE_RUNLOG_RUNLOG_KEEPER_H_
#define COMMON_SERVICE_RUNLOG_RUNLOG_KEEPER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/service/config_binder.h"
#include "common/service/log.h"
#include "common/service/log_sink.h"
#include "common/service/runlog/runlog_files.h"
#include "mentat/config/v1/common.pb.h"
#include "mentat/stage/v1/runlog.pb.h"

namespace mentat::service {

struct RunlogOptions {
  config::v1::RunlogConfig config;
  std::string service;
  std::string instance;
  std::vector<ConfigEntry> entries;  // the configuration in effect; secrets masked
  std::shared_ptr<log::Sink> sink;   // its errors from now on stand in the run log
};

// Thread-safe.
class RunlogKeeper {
 public:
  // The run begins. Earlier ones that were killed get their end, which is logged; what is too old
  // is removed. An error is that of the folder.
  static absl::StatusOr<std::unique_ptr<RunlogKeeper>> Begin(RunlogOptions options);
  ~RunlogKeeper();

  // `fill` adds what only the caller knows, whenever the run log is asked for, until End returns.
  // To be called once.
  void SetFill(std::function<void(stage::v1::Runlog&)> fill);
  // Something has happened.
  void Mark(std::string_view name);
  // As it is now.
  stage::v1::Runlog Now() const;
  // The run is over; the file is written for the last time. The first call counts. An empty reason
  // means that all is well.
  void End(int exit_status, std::string_view reason);

  // Writes of the file that failed.
  uint64_t failed_saves() const;

 private:
  RunlogKeeper(RunlogOptions options, std::unique_ptr<RunlogFile> file);
  // Writes the file now and then.
  void Start();
  stage::v1::Runlog Make() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Save();
  void Run(std::stop_token stop);

  const RunlogOptions options_;
  const log::Logger log_;
  std::array<uint64_t, 4> written_before_ = {};  // records of earlier runs, by level

  Mutex save_mutex_;  // so that nobody else waits for the disk; taken before mutex_
  std::unique_ptr<RunlogFile> file_ ABSL_GUARDED_BY(save_mutex_);  // null without a folder

  mutable Mutex mutex_;
  CondVar wake_;
  std::function<void(stage::v1::Runlog&)> fill_ ABSL_GUARDED_BY(mutex_);
  stage::v1::Runlog base_ ABSL_GUARDED_BY(mutex_);  // what does not change, marks and end
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t failed_saves_ ABSL_GUARDED_BY(mutex_) = 0;

  std::jthread thread_;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_RUNLOG_RUNLOG_KEEPER_H_
