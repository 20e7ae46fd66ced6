// What a program remembers from one run to the next: a protobuf message in a folder, on the disk
// when Write returns, and after a crash at any moment the old one or the new one, whole.
//
// Two files, FOLDER/NAME.0.state and FOLDER/NAME.1.state, hold the newest state and the one before;
// each write replaces the older one of them. A file is a line about the state (JSON: the format, a
// number that counts the writes, size and SHA-256) and the state as JSON, so that people can read
// it.
#ifndef COMMON_SERVICE_STATE_STATE_FILE_H_
#define COMMON_SERVICE_STATE_STATE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/base/unique_fd.h"
#include "common/service/log.h"

namespace google::protobuf {
class Message;
}

namespace mentat::service {

struct StateFileOptions {
  std::string folder;  // made if it is missing, for its owner; if empty, nothing is remembered
  std::string name;
  // Of the message's meaning. Fields that are added or no longer used need no other format.
  uint32_t format = 1;
  size_t max_bytes = 16 << 20;  // of one state
  log::Logger log = log::Logger::Null();
};

// Thread-safe.
class StateFile {
 public:
  // FailedPrecondition if another process has this state open, if it has a format that is newer
  // than this one, or if there are files and none of them is whole: a lost state is not taken for
  // one that never was. If only the newest is damaged, it is put aside as NAME.N.state.damaged,
  // which is logged, and the one before is the state.
  static absl::StatusOr<std::unique_ptr<StateFile>> Open(StateFileOptions options);

  // The state as it was when it was opened; false if there was none. `message` is of the type that
  // was written, or a later one of it.
  absl::StatusOr<bool> Read(google::protobuf::Message& message) const;
  // The format of that state; 0 if there was none. One that is older than the options' is for the
  // caller to convert.
  uint32_t stored_format() const { return stored_format_; }

  // On an error the old state is still there. ResourceExhausted if the state is larger than
  // max_bytes.
  absl::Status Write(const google::protobuf::Message& message);

 private:
  StateFile(StateFileOptions options, UniqueFd lock)
      : options_(std::move(options)), lock_(std::move(lock)) {}
  absl::Status Load();
  std::string PathOf(int slot) const;

  const StateFileOptions options_;
  const UniqueFd lock_;
  std::optional<std::string> stored_;  // as it was opened
  uint32_t stored_format_ = 0;

  Mutex mutex_;
  uint64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;  // of the newest state
  int newest_ ABSL_GUARDED_BY(mutex_) = 1;         // the file that has it
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_STATE_STATE_FILE_H_
