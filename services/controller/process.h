// Processes that outlive whoever started them, and are found again without doubt: each holds the
// kernel's lock on its PID file as long as it lives.
//
// The lock is a POSIX record lock that the new process takes before it becomes the program. It ends
// with the process, however that ends; it cannot be had twice, so that no instance can run twice;
// and the kernel tells the process that holds it, so that a process id which somebody else has by
// now cannot be mistaken for it. The program inherits the descriptor and must not close it:
// services leave what they inherit alone.
#ifndef SERVICES_CONTROLLER_PROCESS_H_
#define SERVICES_CONTROLLER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/unique_fd.h"
#include "mentat/config/v1/controller.pb.h"

namespace mentat::controller {

struct Process {
  pid_t pid = 0;
  UniqueFd pid_fd;          // readable once the process has ended
  uint64_t generation = 0;  // as Spawn was told
  bool child = false;       // of this process, which then has to reap it
};

struct SpawnOptions {
  std::string pid_file;
  uint64_t generation = 0;
  std::vector<std::string> command;  // path of the program, arguments
  std::string working_directory;     // as this process if empty
  std::string output;                // file that standard output and error are appended to
  config::v1::ProcessLimitsConfig limits;
};

// Starts a program in a session of its own; standard input is empty. AlreadyExists if a process
// holds the PID file. To be called on a thread that lives on: a child that has not come as far as
// the lock dies with it.
absl::StatusOr<Process> Spawn(const SpawnOptions& options);

// The living process that holds the PID file; none if there is none.
absl::StatusOr<std::optional<Process>> FindHolder(const std::string& pid_file);

// Sends a signal; nothing happens if the process has ended.
void Signal(const Process& process, int number);
// Waits for a process that has ended: `exit status 1`, `killed by SIGKILL`; `ended` for what was no
// child. `pid_file` is emptied.
std::string Reap(const Process& process, const std::string& pid_file);

// Takes the lock of a file for this process, until it ends. FailedPrecondition names who has it.
absl::StatusOr<UniqueFd> LockFile(const std::string& path);

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_PROCESS_H_
