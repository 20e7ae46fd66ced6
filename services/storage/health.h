// Whether the database takes events, as the workers and the maintenance see it.
//
// Thread-safe.
#ifndef SERVICES_STORAGE_HEALTH_H_
#define SERVICES_STORAGE_HEALTH_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/mutex.h"

namespace mentat::storage {

class Health {
 public:
  // What the part of the program named `who` has met last; OK ends its trouble.
  void Report(std::string_view who, absl::Status status);
  // The trouble of anyone, or OK.
  absl::Status Get() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, absl::Status, std::less<>> troubles_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_HEALTH_H_
