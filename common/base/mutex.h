// std::mutex and std::condition_variable_any, known to clang's thread safety analysis: a field says
// by ABSL_GUARDED_BY which mutex guards it, and `./mentat lint` fails where it is used without.
//
// A predicate that waits sees guarded fields only if it says so:
//   changed_.Wait(mutex_, stop, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ready_; });
#ifndef COMMON_BASE_MUTEX_H_
#define COMMON_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "absl/base/thread_annotations.h"

namespace mentat {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a mutex as long as it lives.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Every wait returns with the mutex held, and says whether the predicate holds: false means that
// `stop` was requested, or that the time is over. A predicate that holds is never waited for.
class CondVar {
 public:
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

  template <typename Predicate>
  void Wait(Mutex& mutex, Predicate predicate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    condition_.wait(mutex.mutex_, predicate);
  }

  template <typename Predicate>
  bool Wait(Mutex& mutex, std::stop_token stop, Predicate predicate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return condition_.wait(mutex.mutex_, std::move(stop), predicate);
  }

  template <typename Rep, typename Period, typename Predicate>
  bool WaitFor(Mutex& mutex, std::chrono::duration<Rep, Period> time, Predicate predicate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return condition_.wait_for(mutex.mutex_, time, predicate);
  }

  template <typename Rep, typename Period, typename Predicate>
  bool WaitFor(Mutex& mutex, std::stop_token stop, std::chrono::duration<Rep, Period> time,
               Predicate predicate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return condition_.wait_for(mutex.mutex_, std::move(stop), time, predicate);
  }

  template <typename Clock, typename Duration, typename Predicate>
  bool WaitUntil(Mutex& mutex, std::chrono::time_point<Clock, Duration> deadline,
                 Predicate predicate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return condition_.wait_until(mutex.mutex_, deadline, predicate);
  }

 private:
  std::condition_variable_any condition_;
};

}  // namespace mentat

#endif  // COMMON_BASE_MUTEX_H_
