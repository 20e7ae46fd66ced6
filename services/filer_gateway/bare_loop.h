// The least that taking files from a queue can cost: rename, open, read, close, unlink of each, and
// nothing else. What benchmarks compare the gateway with.
#ifndef SERVICES_FILER_GATEWAY_BARE_LOOP_H_
#define SERVICES_FILER_GATEWAY_BARE_LOOP_H_

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace mentat::filer {

// Takes all files of a queue, in the order of its directory; how many seconds it took.
inline double BareLoopSeconds(const std::string& queue) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<char> buffer(1 << 20);
  for (const auto& entry : std::filesystem::directory_iterator(queue + "/incoming")) {
    const std::string from = entry.path();
    const std::string to = queue + "/pending/" + entry.path().filename().string();
    if (rename(from.c_str(), to.c_str()) != 0) continue;
    const int fd = open(to.c_str(), O_RDONLY | O_CLOEXEC);
    if (read(fd, buffer.data(), buffer.size()) < 0) continue;
    close(fd);
    unlink(to.c_str());
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_BARE_LOOP_H_
