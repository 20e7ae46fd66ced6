// The audit record in a file: a line of JSON for each call, appended and synced; when the file is
// full it becomes NAME.1, in place of the one before. So the newest records are always there, and
// never more than two files' worth.
#ifndef COMMON_SERVICE_ACCESS_AUDIT_FILE_H_
#define COMMON_SERVICE_ACCESS_AUDIT_FILE_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/service/access/audit.h"
#include "common/service/log.h"

namespace mentat::service {

struct AuditFileOptions {
  std::string path;  // nothing is written if empty
  size_t max_bytes = 4 << 20;
  size_t max_listed = 1000;  // records kept in memory
  log::Logger log = log::Logger::Null();
};

// Thread-safe.
class AuditFile : public AuditSink {
 public:
  // Reads what earlier processes wrote; lines that are no records, as a crash may leave one, are
  // passed over. An error if the file cannot be written.
  static absl::StatusOr<std::unique_ptr<AuditFile>> Open(AuditFileOptions options);

  // What cannot be written is logged, and listed all the same while the process lives.
  void Write(const controller::v1::AuditRecord& record) override;
  // The newest first, `limit` at the most.
  std::vector<controller::v1::AuditRecord> List(size_t limit) const;

 private:
  explicit AuditFile(AuditFileOptions options) : options_(std::move(options)) {}

  void Load(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(controller::v1::AuditRecord record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Append(const std::string& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const AuditFileOptions options_;
  mutable Mutex mutex_;
  bool cut_ ABSL_GUARDED_BY(mutex_) = false;  // the last line may have no end
  std::deque<controller::v1::AuditRecord> records_ ABSL_GUARDED_BY(mutex_);  // oldest first
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_AUDIT_FILE_H_
