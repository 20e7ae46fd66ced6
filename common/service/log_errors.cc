#include "common/service/log_errors.h"

namespace mentat::log {

void KeptErrors::Add(absl::Time now, std::string_view module, std::string_view message,
                     std::string_view text, uint64_t times) {
  const MutexLock lock(mutex_);
  std::pair<std::string, std::string> kind(module, message);
  const auto found = places_.find(kind);
  if (found != places_.end()) {
    KeptError& error = errors_[found->second];
    error.last_time = now;
    error.count += times;
    return;
  }
  if (errors_.size() == kMaxKinds) {
    more_ += times;
    return;
  }
  places_.emplace(std::move(kind), errors_.size());
  errors_.push_back({.first_time = now,
                     .last_time = now,
                     .count = times,
                     .module = std::string(module),
                     .text = std::string(text)});
}

std::vector<KeptError> KeptErrors::List() const {
  const MutexLock lock(mutex_);
  return errors_;
}

uint64_t KeptErrors::more() const {
  const MutexLock lock(mutex_);
  return more_;
}

void KeptErrors::Clear() {
  const MutexLock lock(mutex_);
  errors_.clear();
  places_.clear();
  more_ = 0;
}

}  // namespace mentat::log
