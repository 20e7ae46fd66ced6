// Structured logging: one line a record, a message that is the same each time and fields beside it.
//
//   log.Warning("database is away", {{"attempt", 3}, {"error", status}});
//
// Lines go to standard error, to a file or to the system's log, as JSON or as text; hostile text is
// escaped. A record below the level of its module costs one comparison. Records that repeat, those
// with the same level, module and message, are held back above a number in a while and counted: the
// next line says how many. All members are thread-safe.
//
// Names of fields that mean the same everywhere: `event` (the event's ID), `batch` (its sender's
// epoch and number), `error`, `reason`, `output`, `peer`, `file`.
#ifndef COMMON_SERVICE_LOG_H_
#define COMMON_SERVICE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "absl/status/status.h"

namespace mentat::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// One named value beside the message. Refers to texts that are given to it: for use within one
// call.
struct Field {
  using Value = std::variant<int64_t, uint64_t, double, bool, std::string_view, std::string>;

  template <typename T>
  Field(std::string_view key, const T& value) : key(key), value(Convert(value)) {}

  std::string_view key;
  Value value;

 private:
  template <typename T>
  static Value Convert(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      return value;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(value);
    } else if constexpr (std::is_integral_v<T> && std::is_unsigned_v<T>) {
      return static_cast<uint64_t>(value);
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<int64_t>(value);
    } else if constexpr (std::is_same_v<T, absl::Status>) {
      return std::string(value.ToString());
    } else {
      return std::string_view(value);
    }
  }
};

// Where lines go; shared by the loggers of a process.
class Sink;
// A part of the program that speaks, with its level; the sink's.
struct Module;

// A cheap handle to a sink, with the name of the part of the program that speaks.
class Logger {
 public:
  // Writes to standard error in the text form at level info, for tests and tools.
  static Logger Stderr();
  // Writes nothing.
  static Logger Null();

  explicit Logger(std::shared_ptr<Sink> sink, std::string module = "");

  // The same sink under the name of another part: one of a few, each of which has a level.
  Logger ForModule(std::string_view module) const;
  // Repetitions are told apart by this text too (the name of a rule, an endpoint), so that one
  // does not hold back what another has to say.
  Logger ForKey(std::string_view key) const;
  // Nothing is held back: for what is bounded in itself, or has to be told in full.
  Logger Unlimited() const;

  using Fields = std::initializer_list<Field>;
  void Debug(std::string_view message, Fields fields = {}) const;
  void Info(std::string_view message, Fields fields = {}) const;
  void Warning(std::string_view message, Fields fields = {}) const;
  void Error(std::string_view message, Fields fields = {}) const;
  void Write(Level level, std::string_view message, Fields fields = {}) const;

  bool Enabled(Level level) const;

 private:
  std::shared_ptr<Sink> sink_;
  const Module* module_ = nullptr;  // of the sink
  std::string key_;
  bool limited_ = true;
};

}  // namespace mentat::log

#endif  // COMMON_SERVICE_LOG_H_
