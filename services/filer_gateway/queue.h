// A directory queue: the directories incoming, pending, tmp and errors below one directory, and the
// moves of a file between them. A file keeps its name wherever it goes.
//
// Renaming a file from incoming to pending makes it ours; an advisory lock (flock) on the file says
// for how long. A file in pending that nobody has locked was left by a process that died, by the
// original system's daemons, or by an operator, and anyone may adopt it. So a crash needs no
// cleaning up, and one instance never takes from another what that one works on.
//
// All access is relative to descriptors of the four directories and follows no symbolic links.
// Thread-safe.
#ifndef SERVICES_FILER_GATEWAY_QUEUE_H_
#define SERVICES_FILER_GATEWAY_QUEUE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/unique_fd.h"

namespace mentat::filer {

// A file in pending that is ours for as long as `lock` lives.
struct ClaimedFile {
  std::string name;
  UniqueFd lock;      // also what the file is read through
  uint64_t size = 0;  // bytes
};

// What came of reaching for a file.
struct ClaimResult {
  enum class Kind {
    kClaimed,
    kGone,    // another took it first, or works on it
    kBusy,    // a file of the same name is still in pending: later
    kRefused  // lies in pending and can never be worked on: `problem` says why
  };
  Kind kind = Kind::kGone;
  ClaimedFile file;
  std::string problem;
};

class Queue {
 public:
  // Opens a queue, making what is missing of it.
  static absl::StatusOr<Queue> Open(const std::string& path);

  // Moves a file from incoming to pending and locks it. An error means that the queue itself is in
  // trouble; the file is then in one of the two.
  absl::StatusOr<ClaimResult> Claim(const std::string& name) const;
  // Locks a file that lies in pending.
  absl::StatusOr<ClaimResult> Adopt(const std::string& name) const;

  // What becomes of a file of ours in the end.
  absl::Status Remove(const std::string& name) const;
  // Back to incoming. AlreadyExists if another file of the name has come; it then stays in pending
  // and is adopted when that one is done.
  absl::Status GiveBack(const std::string& name) const;

  // Whether something of this name is in pending.
  bool HasPending(const std::string& name) const;

  // Whether files can be moved and made here.
  absl::Status CheckWritable() const;

  const std::string& path() const { return path_; }
  int incoming() const { return incoming_.get(); }
  int pending() const { return pending_.get(); }
  int tmp() const { return tmp_.get(); }
  int errors() const { return errors_.get(); }

 private:
  Queue() = default;

  std::string path_;
  UniqueFd incoming_;
  UniqueFd pending_;
  UniqueFd tmp_;
  UniqueFd errors_;
};

// Renames without ever replacing a file. AlreadyExists, NotFound, or another error of the system.
absl::Status MoveFile(int from_directory, const std::string& from, int to_directory,
                      const std::string& to);

// The status of errno, with what was tried on which file (its name escaped).
absl::Status FileError(std::string_view what, std::string_view name);

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_QUEUE_H_
