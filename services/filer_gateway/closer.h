// Closes descriptors of removed files on threads of its own: the last close of a file that has no
// name any more gives its blocks back to the disk, and on some file systems (online discard,
// network) each one takes longer than all else that is done with the file. Thread-safe.
#ifndef SERVICES_FILER_GATEWAY_CLOSER_H_
#define SERVICES_FILER_GATEWAY_CLOSER_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/unique_fd.h"

namespace mentat::filer {

class Closer {
 public:
  // `closed` is called on any of the threads after each descriptor.
  Closer(int threads, std::function<void()> closed);
  // Closes what it still has.
  ~Closer();

  void Close(std::vector<UniqueFd> descriptors);

 private:
  void Run();

  const std::function<void()> closed_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<UniqueFd> waiting_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_CLOSER_H_
