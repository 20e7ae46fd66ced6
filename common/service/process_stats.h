// What the kernel says of this process.
#ifndef COMMON_SERVICE_PROCESS_STATS_H_
#define COMMON_SERVICE_PROCESS_STATS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace mentat::service {

struct ProcessStats {
  uint64_t resident_bytes = 0;
  uint64_t open_fds = 0;
  uint64_t max_fds = 0;
  double cpu_seconds = 0;
};

ProcessStats ReadProcessStats();

// `host-service-pid`.
std::string DefaultInstance(std::string_view service);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_PROCESS_STATS_H_
