// What the local driver was told, in a file that survives every end of the controller.
//
// The file is replaced as a whole, and on disk before Save returns: there is the old state or the
// new one, at every moment.
#ifndef SERVICES_CONTROLLER_WANTED_STATE_H_
#define SERVICES_CONTROLLER_WANTED_STATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mentat::controller {

struct WantedStage {
  std::optional<uint32_t> instances;  // as Scale said; as configured if it has said nothing
  bool stopped = false;
  // By instance number, the state's revision when its restart was asked for: a process of an
  // earlier generation is to be replaced.
  std::map<uint32_t, uint64_t> generations;
};

struct WantedState {
  uint64_t revision = 0;  // counts the changes
  std::map<std::string, WantedStage> stages;
};

// The empty state if there is no file. FailedPrecondition says what is wrong with the file.
absl::StatusOr<WantedState> LoadWantedState(const std::string& path);
absl::Status SaveWantedState(const std::string& path, const WantedState& state);

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_WANTED_STATE_H_
