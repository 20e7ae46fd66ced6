// Where log records go, from which level on, and how often. Made once by the frame; the rest of the
// program holds loggers.
#ifndef COMMON_SERVICE_LOG_SINK_H_
#define COMMON_SERVICE_LOG_SINK_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/service/log.h"
#include "common/service/log_errors.h"
#include "common/service/log_format.h"
#include "common/service/log_output.h"
#include "common/service/log_repeats.h"

namespace mentat::log {

struct Module {
  Module(std::string name, Level level) : name(std::move(name)), level(level) {}

  const std::string name;
  std::atomic<Level> level;  // in effect
};

struct SinkOptions {
  enum class SystemLog { kNone, kSyslog, kJournal };

  Level level = Level::kInfo;
  std::map<std::string, Level> modules = {};  // those that have a level of their own
  Format format = Format::kJson;
  std::string file;  // appended to; standard error if empty
  // Takes the lines in place of a file or standard error.
  SystemLog system_log = SystemLog::kNone;
  std::string system_log_socket;  // where systems have it, if empty
  RepeatLimit repeats = {};
  // Written with every record in the JSON form; left out where empty.
  std::string service;
  std::string instance;
};

// Thread-safe.
class Sink {
 public:
  static absl::StatusOr<std::shared_ptr<Sink>> Create(SinkOptions options);
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // Of the modules that have no level of their own.
  Level level() const;
  void set_level(Level level);
  // Gives a module a level of its own, or that of the others again; the level in effect before.
  // NotFound for a name that no logger has used.
  absl::StatusOr<Level> SetModuleLevel(std::string_view module, std::optional<Level> level);
  // Everything is at level debug until the next call of this or of set_level; whether it is now.
  bool ToggleDebug();

  // The module of this name, made if it is missing; lives as long as the sink.
  const Module& GetModule(std::string_view name);

  // Opens the file by its name again, after it was rotated. On an error the old file stays in use.
  absl::Status Reopen() { return output_->Reopen(); }

  struct Entry {
    Level level;
    const Module& module;
    std::string_view message;
    std::string_view key;  // what tells its repetitions from others
    bool limited = true;   // whether it may be held back
  };
  void Write(const Entry& entry, Logger::Fields fields);
  // Writes how many records were held back where nothing like them came any more; of those in the
  // period that goes on, too, at the end of the process. To be called now and then.
  void TellHeldBack(bool at_end);

  // Since the start: records written at a level, held back, and those that could not be written.
  uint64_t written(Level level) const { return written_[static_cast<size_t>(level)].load(); }
  uint64_t held_back() const { return held_back_.load(); }
  uint64_t lost() const { return lost_.load(); }
  // The records at level error.
  KeptErrors& errors() { return errors_; }

 private:
  Sink(SinkOptions options, std::unique_ptr<Output> output);

  Level LevelOf(const std::string& module) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetLevels() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Put(Level level, std::string_view module, std::string_view message, Logger::Fields fields,
           uint64_t held_back);

  const SinkOptions options_;
  const std::unique_ptr<Output> output_;
  Repeats repeats_;
  mutable Mutex mutex_;
  Level level_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Level> own_levels_ ABSL_GUARDED_BY(mutex_);
  bool debug_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, Module, std::less<>> modules_ ABSL_GUARDED_BY(mutex_);
  std::array<std::atomic<uint64_t>, 4> written_ = {};
  std::atomic<uint64_t> held_back_ = 0;
  std::atomic<uint64_t> lost_ = 0;
  KeptErrors errors_;
};

}  // namespace mentat::log

#endif  // COMMON_SERVICE_LOG_SINK_H_
