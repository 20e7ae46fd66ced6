// The errors directory of a queue: what was refused, and beside each file `<name>.reason`, which
// says why as JSON.
//
// A file that was there before is never overwritten: the newcomer gets `~2`, `~3`, … after its
// name. To keep the same event of the same file twice, as happens after a crash, leaves one copy.
// Thread-safe for different files.
#ifndef SERVICES_FILER_GATEWAY_ERROR_FOLDER_H_
#define SERVICES_FILER_GATEWAY_ERROR_FOLDER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/idea/codec.h"
#include "services/filer_gateway/queue.h"

namespace mentat::filer {

// Why a file or an event was refused.
struct Refusal {
  std::string reason;    // `malformed`, `too_large`, `poison`, `failed`, `refused`, `unreadable`
  std::string stage;     // that refused it
  std::string instance;  // of that stage
  std::string message;   // for people
  std::vector<idea::Problem> problems;  // of a malformed event
  int64_t time = 0;                     // microseconds since 1970-01-01T00:00:00Z
};

class ErrorFolder {
 public:
  // `queue` outlives it.
  explicit ErrorFolder(const Queue& queue) : queue_(queue) {}

  // Moves a file from pending to errors.
  absl::Status Move(const std::string& name, const Refusal& refusal) const;

  // Keeps one event of a file of many as `<name>.<line>`, on disk when this returns (Sync
  // excepted).
  absl::Status Keep(const std::string& name, uint64_t line, std::string_view event,
                    const Refusal& refusal) const;

  // Makes the names of what was kept durable.
  absl::Status Sync() const;

 private:
  absl::Status WriteReason(const std::string& error_name, const std::string& name, uint64_t line,
                           const Refusal& refusal) const;

  const Queue& queue_;
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_ERROR_FOLDER_H_
