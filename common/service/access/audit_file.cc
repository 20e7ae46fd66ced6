#include "common/service/access/audit_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/unique_fd.h"
#include "common/service/replace_file.h"
#include "google/protobuf/util/json_util.h"

namespace mentat::service {
namespace {

constexpr size_t kMaxLineBytes = 64 << 10;

absl::Status Failed(const std::string& path, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot write the audit file ", path, ": ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditFile>> AuditFile::Open(AuditFileOptions options) {
  std::unique_ptr<AuditFile> file(new AuditFile(std::move(options)));
  const std::string& path = file->options_.path;
  if (path.empty()) return file;
  const MutexLock lock(file->mutex_);
  file->Load(path + ".1");
  file->Load(path);
  // Ends the line that a crash may have cut.
  RETURN_IF_ERROR(file->Append("\n"));
  return file;
}

void AuditFile::Load(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  while (std::getline(file, line)) {
    controller::v1::AuditRecord record;
    if (line.empty() || line.size() > kMaxLineBytes) continue;
    if (!google::protobuf::util::JsonStringToMessage(line, &record, options).ok()) continue;
    Keep(std::move(record));
  }
}

void AuditFile::Keep(controller::v1::AuditRecord record) {
  records_.push_back(std::move(record));
  if (records_.size() > options_.max_listed) records_.pop_front();
}

absl::Status AuditFile::Append(const std::string& line) {
  const std::string& path = options_.path;
  struct stat seen = {};
  bool fresh = ::stat(path.c_str(), &seen) != 0;
  if (!fresh && static_cast<size_t>(seen.st_size) + line.size() > options_.max_bytes) {
    if (std::rename(path.c_str(), (path + ".1").c_str()) != 0) return Failed(path + ".1", errno);
    fresh = true;
  }
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd.valid()) return Failed(path, errno);
  // Ends a line that a full disk has cut, so that it costs no other record.
  const bool cut = std::exchange(cut_, true);
  RETURN_IF_ERROR(WriteAll(fd.get(), cut ? "\n" + line : line, path));
  cut_ = false;
  if (::fdatasync(fd.get()) != 0) return Failed(path, errno);
  return fresh ? SyncFolderOf(path) : absl::OkStatus();
}

void AuditFile::Write(const controller::v1::AuditRecord& record) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  absl::Status status;
  const auto printed = google::protobuf::util::MessageToJsonString(record, &line, options);
  const MutexLock lock(mutex_);
  Keep(record);
  if (options_.path.empty()) return;
  status = printed.ok()
               ? Append(line + "\n")
               : absl::InternalError(absl::StrCat("cannot print a record: ", printed.ToString()));
  if (!status.ok()) options_.log.Error("the audit record is not written", {{"error", status}});
}

std::vector<controller::v1::AuditRecord> AuditFile::List(size_t limit) const {
  const MutexLock lock(mutex_);
  const size_t count = std::min(limit, records_.size());
  return {records_.rbegin(), records_.rbegin() + static_cast<ptrdiff_t>(count)};
}

}  // namespace mentat::service
