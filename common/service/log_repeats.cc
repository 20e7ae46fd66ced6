#include "common/service/log_repeats.h"

#include <utility>

namespace mentat::log {

std::optional<uint64_t> Repeats::Admit(const Kind& kind, Clock::time_point now) {
  if (limit_.records == 0) return 0;
  const MutexLock lock(mutex_);
  auto it = periods_.find(KeyView(kind.level, kind.module, kind.key, kind.message));
  if (it == periods_.end()) {
    Key key(kind.level, kind.module, kind.key, kind.message);
    if (periods_.size() >= kMaxKinds) key = Key(kind.level, nullptr, "", "other records");
    it = periods_.try_emplace(std::move(key), Period{.began = now}).first;
  }
  Period& period = it->second;
  if (now - period.began >= limit_.period) {
    const uint64_t held_back = period.held_back;
    period = {.began = now, .written = 1};
    return held_back;
  }
  if (period.written >= limit_.records) {
    ++period.held_back;
    return std::nullopt;
  }
  ++period.written;
  return 0;
}

std::vector<Repeats::Held> Repeats::Collect(Clock::time_point now, bool all) {
  std::vector<Held> held;
  const MutexLock lock(mutex_);
  for (auto it = periods_.begin(); it != periods_.end();) {
    const auto& [key, period] = *it;
    if (!all && now - period.began < limit_.period) {
      ++it;
      continue;
    }
    if (period.held_back > 0) {
      held.push_back({std::get<0>(key), std::get<1>(key), std::get<3>(key), period.held_back});
    }
    it = periods_.erase(it);
  }
  return held;
}

}  // namespace mentat::log
