// Programs of Mentat that mentatctl asks.
#ifndef TOOLS_MENTATCTL_PROGRAM_H_
#define TOOLS_MENTATCTL_PROGRAM_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mentat::mentatctl {

// The program of a service: `name` itself if it is a path, or else the file of this name beside
// mentatctl, or the one that PATH finds. NotFound if there is none.
absl::StatusOr<std::string> FindProgram(const std::string& name);

struct Ended {
  int exit_status = 0;  // 128 + number where a signal ended it
  std::string output;   // standard output
  std::string errors;   // standard error
};

// Runs a program with an empty standard input until it ends. Output beyond 4 MiB is left out.
absl::StatusOr<Ended> RunProgram(const std::string& program,
                                 const std::vector<std::string>& arguments);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_PROGRAM_H_
