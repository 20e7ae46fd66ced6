// Where log lines go: a file or standard error, as JSON or as text. Made once by the frame; the
// rest of the program holds loggers.
//
// A line reaches the file by one write(2), so that lines of several threads and processes never
// mix.
#ifndef COMMON_SERVICE_LOG_SINK_H_
#define COMMON_SERVICE_LOG_SINK_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/service/log.h"

namespace mentat::log {

// `debug`, `info`, `warning`, `error`.
std::string_view LevelName(Level level);
std::optional<Level> ParseLevel(std::string_view name);

enum class Format { kJson, kText };

struct SinkOptions {
  Level level = Level::kInfo;
  Format format = Format::kJson;
  std::string file;  // appended to; standard error if empty
  // Written with every record in the JSON form; left out where empty.
  std::string service;
  std::string instance;
};

// Thread-safe.
class Sink {
 public:
  static absl::StatusOr<std::shared_ptr<Sink>> Create(SinkOptions options);
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  Level level() const { return level_.load(std::memory_order_relaxed); }
  void set_level(Level level) { level_.store(level, std::memory_order_relaxed); }

  // Opens the file by its name again, after it was rotated. On an error the old file stays in use.
  absl::Status Reopen();

  void Write(Level level, std::string_view module, std::string_view message, Logger::Fields fields);

  // Records written at a level since the start, and records that could not be written.
  uint64_t written(Level level) const { return written_[static_cast<size_t>(level)].load(); }
  uint64_t lost() const { return lost_.load(); }

 private:
  Sink(SinkOptions options, int fd);

  const SinkOptions options_;
  const int fd_;  // Reopen replaces what stands behind the number, never the number
  std::atomic<Level> level_;
  std::array<std::atomic<uint64_t>, 4> written_ = {};
  std::atomic<uint64_t> lost_ = 0;
};

// One line, with its newline, as Write makes it.
std::string FormatRecord(const SinkOptions& options, absl::Time time, Level level,
                         std::string_view module, std::string_view message, Logger::Fields fields);

}  // namespace mentat::log

#endif  // COMMON_SERVICE_LOG_SINK_H_
