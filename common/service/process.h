// The process that a service runs as: whether it leaves its terminal, its process id in a file, the
// user it is, the folder it works in.
#ifndef COMMON_SERVICE_PROCESS_H_
#define COMMON_SERVICE_PROCESS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mentat/config/v1/common.pb.h"

namespace mentat::service {

// What is wrong with a configuration, as far as can be said before the process changes.
absl::Status CheckProcess(const config::v1::ServiceConfig& config);

// A file with the process id, locked while the process lives: a second process with the same file
// does not start, and a file that a killed one left is taken over.
class PidFile {
 public:
  // AlreadyExists names the process that has it.
  static absl::StatusOr<std::unique_ptr<PidFile>> Create(const std::string& path);
  // Removes the file, or empties it where it cannot be removed any more.
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  void Remove();

 private:
  PidFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  const std::string path_;
  const int fd_;
  bool removed_ = false;
};

// The way of a process into the background. The one that was called waits until Finish says how the
// start went, and ends with that status; what is written to standard error until then is seen.
class Background {
 public:
  // Returns in the new process alone, which has a session of its own and no descriptors but the
  // standard ones. To be called before any thread is made.
  static absl::StatusOr<std::unique_ptr<Background>> Enter();
  // Tells a status that is not success if nobody has told one.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void Finish(int exit_status);

 private:
  explicit Background(int fd) : fd_(fd) {}

  int fd_;
};

// Takes on umask, working directory, process id file and user, in this order. The file is null if
// none is configured.
absl::StatusOr<std::unique_ptr<PidFile>> SetUpProcess(const config::v1::ProcessConfig& config);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_PROCESS_H_
