// One line for a log record, as JSON or as text. Control characters, what is no UTF-8 and what
// turns the reading direction around are escaped; values are cut at 8 KiB.
#ifndef COMMON_SERVICE_LOG_FORMAT_H_
#define COMMON_SERVICE_LOG_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/service/log.h"

namespace mentat::log {

// `debug`, `info`, `warning`, `error`.
std::string_view LevelName(Level level);
std::optional<Level> ParseLevel(std::string_view name);

enum class Format { kJson, kText };

struct Record {
  absl::Time time;
  Level level = Level::kInfo;
  // Left out where empty; the first two are in the JSON form alone.
  std::string_view service;
  std::string_view instance;
  std::string_view module;
  std::string_view message;
  Logger::Fields fields = {};
  uint64_t held_back = 0;  // records like it since the last one that was written
};

// `message key=value`, as a line of text has it, cut at `max_bytes`; always UTF-8.
std::string FormatMessage(const Record& record, size_t max_bytes);
// With a newline at its end.
std::string FormatRecord(const Record& record, Format format);

}  // namespace mentat::log

#endif  // COMMON_SERVICE_LOG_FORMAT_H_
