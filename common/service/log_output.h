// The places that log lines go to: standard error or a file, syslog, the journal.
#ifndef COMMON_SERVICE_LOG_OUTPUT_H_
#define COMMON_SERVICE_LOG_OUTPUT_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/service/log.h"

namespace mentat::log {

// Thread-safe.
class Output {
 public:
  virtual ~Output() = default;
  // Writes a line, which ends with a newline. Whether it could be written whole.
  virtual bool Write(Level level, std::string_view module, std::string_view line) = 0;
  // Opens the file by its name again, after it was rotated. On an error the old one stays in use.
  virtual absl::Status Reopen() { return absl::OkStatus(); }
};

// Standard error if `path` is empty. A line is one write(2), so that lines of several threads and
// processes never mix.
absl::StatusOr<std::unique_ptr<Output>> OpenFile(const std::string& path);

// Who speaks, for the system's log.
struct Speaker {
  std::string service;
  std::string instance;
};

// A datagram for each line to a socket as /dev/log is (RFC 3164, as libc writes it: facility
// daemon). A line that the socket does not take at once is lost rather than waited for.
absl::StatusOr<std::unique_ptr<Output>> OpenSyslog(const std::string& socket, Speaker speaker);

// The same to systemd's journal (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), with the fields
// PRIORITY, SYSLOG_IDENTIFIER, MENTAT_INSTANCE and MENTAT_MODULE.
absl::StatusOr<std::unique_ptr<Output>> OpenJournal(const std::string& socket, Speaker speaker);

}  // namespace mentat::log

#endif  // COMMON_SERVICE_LOG_OUTPUT_H_
