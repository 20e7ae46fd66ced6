// A part of a service: the lines of a file as a set, read again on reload.
#ifndef COMMON_SERVICE_LINES_H_
#define COMMON_SERVICE_LINES_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/service/service.h"

namespace mentat::service {

// Thread-safe.
class Lines : public Service {
 public:
  // Files above it are refused.
  static constexpr size_t kMaxBytes = 16 << 20;

  // Empty lines are left out. Without a path the set is empty. The status shows the number of lines
  // under `name`.
  Lines(std::string name, std::string path, Context& context);

  bool Contains(std::string_view line) const;
  size_t size() const;

  absl::Status Setup() override;
  absl::StatusOr<std::function<void()>> PrepareReload() override;
  std::vector<ReloadPath> ReloadPaths() const override;
  std::map<std::string, std::string> Details() const override;

 private:
  using Set = std::set<std::string, std::less<>>;
  absl::StatusOr<Set> Read() const;
  void Take(Set lines);

  const std::string name_;
  const std::string path_;
  const log::Logger log_;
  mutable absl::Mutex mutex_;
  Set lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_LINES_H_
