// Where generated events go: a directory queue, a plain directory, or standard output.
#ifndef TOOLS_IDEAGEN_OUTPUT_H_
#define TOOLS_IDEAGEN_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mentat::ideagen {

// Not thread-safe.
class Output {
 public:
  virtual ~Output() = default;
  // Writes one file of this base name. A file appears under its name only when it is complete.
  virtual absl::Status Write(std::string_view name, std::string_view content) = 0;
  // Whether there is room for another file. May look at the directory.
  virtual bool HasRoom() = 0;
};

// `target` is `-` for standard output, where each file is one or more lines and its name is lost; a
// queue, having the directories `incoming` and `tmp`, where files are written into tmp and renamed
// into incoming; or any other directory (made if it is missing), where a file has a dot before its
// name until it is complete. There is room while no more than `limit` files wait; 0 is no limit.
absl::StatusOr<std::unique_ptr<Output>> OpenOutput(const std::string& target, uint64_t limit);

}  // namespace mentat::ideagen

#endif  // TOOLS_IDEAGEN_OUTPUT_H_
