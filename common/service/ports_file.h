// The file in which a service writes where it listens, for whoever started it.
#ifndef COMMON_SERVICE_PORTS_FILE_H_
#define COMMON_SERVICE_PORTS_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mentat::service {

struct Ports {
  std::string service;
  std::string instance;
  std::string admin;    // host:port
  std::string metrics;  // host:port
  std::string input;    // ZeroMQ endpoint; empty without one
  int pid = 0;
};

// Writes the file whole or not at all:
// {"service":…,"instance":…,"pid":…,"admin":…,"metrics":…,"input":…}.
absl::Status WritePortsFile(const std::string& path, const Ports& ports);
absl::StatusOr<Ports> ReadPortsFile(const std::string& path);

// All ports files (*.json) of a folder, by the names of the files; the first thousand. One that
// cannot be read is left out: it belongs to a service that starts or ends just now. NotFound
// without a folder.
absl::StatusOr<std::vector<Ports>> ReadPortsFolder(const std::string& folder);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_PORTS_FILE_H_
