#include "common/service/runlog/runlog_keeper.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/sha256.h"
#include "common/base/status_macros.h"
#include "common/service/process_stats.h"
#include "common/service/version.h"
#include "google/protobuf/util/time_util.h"

namespace mentat::service {
namespace {

using google::protobuf::util::TimeUtil;
using stage::v1::Runlog;

// The first and the last marks are what one wants to know of a long life.
constexpr int kMaxMarks = 50;
constexpr log::Level kLevels[] = {log::Level::kDebug, log::Level::kInfo, log::Level::kWarning,
                                  log::Level::kError};
constexpr size_t kMaxMarkBytes = 200;
constexpr size_t kMaxReasonBytes = 1000;

// What may hold anything, fit for a message and for people.
std::string Text(std::string_view text, size_t max_bytes) {
  return log::FormatMessage({.message = text}, max_bytes);
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  return TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

std::string DigestOf(const std::vector<ConfigEntry>& entries) {
  std::string text;
  for (const ConfigEntry& entry : entries)
    absl::StrAppend(&text, entry.path, "=", entry.value, "\n");
  return Sha256Hex(text);
}

std::string HostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunlogKeeper>> RunlogKeeper::Begin(RunlogOptions options) {
  std::unique_ptr<RunlogFile> file;
  const std::string folder = options.config.folder();
  const std::string service = options.service;
  const log::Logger log(options.sink, "runlog");
  if (!folder.empty()) {
    absl::StatusOr<std::unique_ptr<RunlogFile>> created =
        RunlogFile::Create(folder, service, absl::Now());
    if (!created.ok()) {
      return absl::Status(created.status().code(),
                          absl::StrCat("service.runlog.folder: ", created.status().message()));
    }
    file = *std::move(created);
    const absl::StatusOr<std::vector<Runlog>> killed = CloseKilledRuns(folder, service);
    if (!killed.ok()) log.Warning("cannot look for earlier runs", {{"error", killed.status()}});
    for (const Runlog& run : killed.value_or(std::vector<Runlog>())) {
      log.ForKey(run.instance())
          .Warning("an earlier run came to no end of its own",
                   {{"run_instance", run.instance()},
                    {"pid", run.pid()},
                    {"last_heard_of", TimeUtil::ToString(run.saved_time())}});
    }
  }
  const size_t kept = options.config.kept();
  std::unique_ptr<RunlogKeeper> keeper(new RunlogKeeper(std::move(options), std::move(file)));
  if (!folder.empty()) {
    keeper->Start();
    if (absl::Status status = RemoveOldRuns(folder, service, kept); !status.ok()) {
      log.Warning("cannot remove old run logs", {{"error", status}});
    }
  }
  return keeper;
}

RunlogKeeper::RunlogKeeper(RunlogOptions options, std::unique_ptr<RunlogFile> file)
    : options_(std::move(options)), log_(options_.sink, "runlog"), file_(std::move(file)) {
  options_.sink->errors().Clear();
  for (const log::Level level : kLevels) {
    written_before_[static_cast<size_t>(level)] = options_.sink->written(level);
  }
  const MutexLock lock(mutex_);
  base_.set_service(options_.service);
  base_.set_instance(options_.instance);
  base_.set_host(HostName());
  base_.set_pid(::getpid());
  base_.set_version(std::string(kVersion));
  base_.set_config_digest(DigestOf(options_.entries));
  *base_.mutable_start_time() = ToProto(absl::Now());
  base_.set_result(stage::v1::RUN_RESULT_RUNNING);
}

void RunlogKeeper::Start() {
  Save();
  thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
}

RunlogKeeper::~RunlogKeeper() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void RunlogKeeper::Run(std::stop_token stop) {
  const std::chrono::milliseconds interval(
      static_cast<int64_t>(options_.config.save_seconds() * 1000));
  while (true) {
    {
      const MutexLock lock(mutex_);
      wake_.WaitFor(mutex_, stop, interval,
                    [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ended_; });
      if (ended_ || stop.stop_requested()) return;
    }
    Save();
  }
}

void RunlogKeeper::SetFill(std::function<void(Runlog&)> fill) {
  const MutexLock lock(mutex_);
  fill_ = std::move(fill);
}

void RunlogKeeper::Mark(std::string_view name) {
  const MutexLock lock(mutex_);
  if (base_.marks_size() == kMaxMarks) {
    base_.mutable_marks()->DeleteSubrange(kMaxMarks / 2, 1);
    base_.set_more_marks(base_.more_marks() + 1);
  }
  stage::v1::RunMark& mark = *base_.add_marks();
  *mark.mutable_time() = ToProto(absl::Now());
  mark.set_name(Text(name, kMaxMarkBytes));
}

Runlog RunlogKeeper::Now() const {
  const MutexLock lock(mutex_);
  return Make();
}

Runlog RunlogKeeper::Make() const {
  Runlog runlog = base_;
  *runlog.mutable_saved_time() = ToProto(absl::Now());
  const ProcessStats process = ReadProcessStats();
  runlog.set_memory_bytes(process.resident_bytes);
  runlog.set_cpu_seconds(process.cpu_seconds);
  for (const log::Level level : kLevels) {
    (*runlog.mutable_log_records())[std::string(log::LevelName(level))] =
        options_.sink->written(level) - written_before_[static_cast<size_t>(level)];
  }
  for (log::KeptError& kept : options_.sink->errors().List()) {
    stage::v1::RunError& error = *runlog.add_errors();
    *error.mutable_first_time() = ToProto(kept.first_time);
    *error.mutable_last_time() = ToProto(kept.last_time);
    error.set_count(kept.count);
    error.set_module(std::move(kept.module));
    error.set_text(std::move(kept.text));
  }
  runlog.set_more_errors(options_.sink->errors().more());
  if (fill_) fill_(runlog);
  return runlog;
}

void RunlogKeeper::Save() {
  const MutexLock one_at_a_time(save_mutex_);
  if (file_ == nullptr) return;
  const Runlog runlog = Now();
  absl::Status status = file_->Save(runlog);
  if (runlog.has_end_time()) file_.reset();
  if (status.ok()) return;
  {
    const MutexLock lock(mutex_);
    ++failed_saves_;
  }
  log_.Warning("cannot write the run log", {{"error", status}});
}

void RunlogKeeper::End(int exit_status, std::string_view reason) {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(ended_, true)) return;
    base_.set_result(exit_status == 0 ? stage::v1::RUN_RESULT_OK : stage::v1::RUN_RESULT_FAILED);
    base_.set_exit_status(exit_status);
    base_.set_reason(Text(reason, kMaxReasonBytes));
    *base_.mutable_end_time() = ToProto(absl::Now());
  }
  Save();
  const MutexLock lock(mutex_);
  fill_ = nullptr;
  wake_.NotifyAll();
}

uint64_t RunlogKeeper::failed_saves() const {
  const MutexLock lock(mutex_);
  return failed_saves_;
}

}  // namespace mentat::service
