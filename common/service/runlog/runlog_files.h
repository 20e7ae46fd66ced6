// The files of run logs: one for each run of a process, in a folder that processes may share.
//
// A file is SERVICE.TIME.PID.runlog, with the time of its start as 20261124T070809Z: names sort by
// service and time. While the process lives it holds a lock on SERVICE.TIME.PID.lock; so a run that
// was killed is one without an end whose lock is free.
#ifndef COMMON_SERVICE_RUNLOG_RUNLOG_FILES_H_
#define COMMON_SERVICE_RUNLOG_RUNLOG_FILES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/unique_fd.h"
#include "mentat/stage/v1/runlog.pb.h"

namespace mentat::service {

// The file of the run of this process. One thread at a time.
class RunlogFile {
 public:
  // Makes the folder if it is missing. Nothing is written before the first Save.
  static absl::StatusOr<std::unique_ptr<RunlogFile>> Create(const std::string& folder,
                                                            const std::string& service,
                                                            absl::Time start);
  // The run is over: no lock tells any more that it goes on.
  ~RunlogFile();
  RunlogFile(const RunlogFile&) = delete;
  RunlogFile& operator=(const RunlogFile&) = delete;

  absl::Status Save(const stage::v1::Runlog& runlog);
  const std::string& path() const { return path_; }

 private:
  RunlogFile(std::string path, std::string lock_path, UniqueFd lock)
      : path_(std::move(path)), lock_path_(std::move(lock_path)), lock_(std::move(lock)) {}

  const std::string path_;
  const std::string lock_path_;
  const UniqueFd lock_;
};

// Gives the runs of the service that were killed their end, and returns them, oldest first.
absl::StatusOr<std::vector<stage::v1::Runlog>> CloseKilledRuns(const std::string& folder,
                                                               const std::string& service);

// Removes the oldest files of ended runs of the service until no more than `kept` files are left.
absl::Status RemoveOldRuns(const std::string& folder, const std::string& service, size_t kept);

struct ReadRunlog {
  std::string path;
  stage::v1::Runlog runlog;
};
struct RunlogList {
  std::vector<ReadRunlog> runs;     // newest first
  std::vector<absl::Status> wrong;  // of files that cannot be read
};

// The run logs in a folder. Runs that were killed have the result that says so, also where no later
// run has given them their end yet.
absl::StatusOr<RunlogList> ListRunlogs(const std::string& folder);
absl::StatusOr<stage::v1::Runlog> ReadRunlogFile(const std::string& path);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_RUNLOG_RUNLOG_FILES_H_
