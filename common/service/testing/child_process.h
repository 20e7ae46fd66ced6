// A program under test as a real process: started, signalled, waited for. Its output goes to a
// file. One thread.
#ifndef COMMON_SERVICE_TESTING_CHILD_PROCESS_H_
#define COMMON_SERVICE_TESTING_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mentat::testing_support {

// The longest that a test waits for anything.
inline constexpr absl::Duration kPatience = absl::Seconds(60);

class ChildProcess {
 public:
  // `output` takes standard output and error; standard input is empty.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::string& program, const std::vector<std::string>& arguments,
      const std::string& output);
  // Kills the process if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // After SIGSTOP it has stopped, or ended.
  void Signal(int number) const;
  // The exit status; 128 + number where a signal ended it.
  absl::StatusOr<int> Wait(absl::Duration timeout = kPatience);
  bool running() const { return !ended_; }
  // What it has written so far.
  std::string Output() const;

 private:
  ChildProcess(pid_t pid, int pid_fd, std::string output)
      : pid_(pid), pid_fd_(pid_fd), output_(std::move(output)) {}

  const pid_t pid_;
  const int pid_fd_;
  const std::string output_;
  bool ended_ = false;
  int exit_status_ = 0;
};

// Waits until the file stands in its folder under this name.
absl::Status WaitForFile(const std::string& path, absl::Duration timeout = kPatience);

}  // namespace mentat::testing_support

#endif  // COMMON_SERVICE_TESTING_CHILD_PROCESS_H_
