// The errors that a process has logged, each kind once, for its run log.
#ifndef COMMON_SERVICE_LOG_ERRORS_H_
#define COMMON_SERVICE_LOG_ERRORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace mentat::log {

struct KeptError {
  absl::Time first_time;
  absl::Time last_time;
  uint64_t count = 0;
  std::string module;
  std::string text;  // the message with the fields of its first time
};

// Bounded. Thread-safe.
class KeptErrors {
 public:
  static constexpr size_t kMaxKinds = 50;
  static constexpr size_t kMaxTextBytes = 1000;

  // Errors of one module with the same message are of one kind. `text`, of at most kMaxTextBytes,
  // is the message with its fields; `times` how often it has come since the last one of its kind.
  void Add(absl::Time now, std::string_view module, std::string_view message, std::string_view text,
           uint64_t times);

  // In the order in which the kinds came.
  std::vector<KeptError> List() const;
  // Errors of kinds that found no room.
  uint64_t more() const;
  // Forgets them all: another run begins.
  void Clear();

 private:
  mutable Mutex mutex_;
  std::vector<KeptError> errors_ ABSL_GUARDED_BY(mutex_);
  // Module and message to their place in errors_.
  std::map<std::pair<std::string, std::string>, size_t> places_ ABSL_GUARDED_BY(mutex_);
  uint64_t more_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace mentat::log

#endif  // COMMON_SERVICE_LOG_ERRORS_H_
