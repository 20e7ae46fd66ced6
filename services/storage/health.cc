#include "services/storage/health.h"

#include <utility>

namespace mentat::storage {

void Health::Report(std::string_view who, absl::Status status) {
  const MutexLock lock(mutex_);
  const auto found = troubles_.find(who);
  if (status.ok()) {
    if (found != troubles_.end()) troubles_.erase(found);
  } else if (found != troubles_.end()) {
    found->second = std::move(status);
  } else {
    troubles_.emplace(who, std::move(status));
  }
}

absl::Status Health::Get() const {
  const MutexLock lock(mutex_);
  return troubles_.empty() ? absl::OkStatus() : troubles_.begin()->second;
}

}  // namespace mentat::storage
