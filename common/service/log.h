// Structured logging: one line a record, a message that is the same each time and fields beside it.
//
//   log.Warning("database is away", {{"attempt", 3}, {"error", status}});
//
// Lines go to standard error or to a file, as JSON or as text; hostile text is escaped. A record
// below the current level costs one comparison. All members are thread-safe.
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

// One named value beside the message.
struct Field {
  using Value = std::variant<int64_t, uint64_t, double, bool, std::string>;

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
      return std::string(std::string_view(value));
    }
  }
};

// Where lines go; shared by the loggers of a process.
class Sink;

// A cheap handle to a sink, with the name of the part of the program that speaks.
class Logger {
 public:
  // Writes to standard error in the text form at level info, for tests and tools.
  static Logger Stderr();
  // Writes nothing.
  static Logger Null();

  explicit Logger(std::shared_ptr<Sink> sink, std::string module = "");

  // The same sink under the name of another part.
  Logger ForModule(std::string_view module) const;

  using Fields = std::initializer_list<Field>;
  void Debug(std::string_view message, Fields fields = {}) const;
  void Info(std::string_view message, Fields fields = {}) const;
  void Warning(std::string_view message, Fields fields = {}) const;
  void Error(std::string_view message, Fields fields = {}) const;

  bool Enabled(Level level) const;

 private:
  void Write(Level level, std::string_view message, Fields fields) const;

  std::shared_ptr<Sink> sink_;
  std::string module_;
};

}  // namespace mentat::log

#endif  // COMMON_SERVICE_LOG_H_
