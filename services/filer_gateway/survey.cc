#include "services/filer_gateway/survey.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cstdint>
#include <stop_token>

#include "absl/time/clock.h"
#include "common/base/pause.h"
#include "services/filer_gateway/scanner.h"

namespace mentat::filer {
namespace {

constexpr uint64_t kMaxCountedFiles = 10'000;

}  // namespace

void SurveyQueue(const Queue& queue, InMetrics& metrics) {
  const absl::StatusOr<Backlog> backlog =
      LookAtBacklog(queue.incoming(), queue.path() + "/incoming", kMaxCountedFiles);
  if (backlog.ok()) {
    const int64_t age = backlog->oldest_seconds == 0
                            ? 0
                            : absl::ToUnixSeconds(absl::Now()) - backlog->oldest_seconds;
    metrics.incoming.Set(static_cast<double>(backlog->files));
    metrics.oldest.Set(static_cast<double>(std::max<int64_t>(age, 0)));
  }
  struct statvfs disk = {};
  if (fstatvfs(queue.incoming(), &disk) == 0) {
    metrics.disk_free.Set(static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize));
    metrics.disk_size.Set(static_cast<double>(disk.f_blocks) * static_cast<double>(disk.f_frsize));
  }
}

Survey::Survey(const Queue& queue, InMetrics& metrics, absl::Duration interval)
    : thread_([&queue, &metrics, interval](const std::stop_token& stop) {
        do {
          SurveyQueue(queue, metrics);
        } while (Pause(interval, stop));
      }) {}

}  // namespace mentat::filer
