// How fast files are taken, read and finished, beside a bare loop of open, read, rename and unlink
// over the same files.
//
//   reader_benchmark DIR FILES
//
// DIR is made, filled and emptied again. Events are settled at once, so that only the gateway's own
// work is measured. Prints one line of JSON.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "prometheus/registry.h"
#include "services/filer_gateway/finisher.h"
#include "services/filer_gateway/metrics.h"
#include "services/filer_gateway/queue.h"
#include "services/filer_gateway/reader.h"
#include "tools/ideagen/generator.h"
#include "tools/ideagen/output.h"

namespace mentat::filer {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void Fill(const std::string& path, int files) {
  ideagen::Generator generator({});
  auto output = ideagen::OpenOutput(path, 0);
  for (int i = 0; i < files; ++i) {
    const ideagen::GeneratedEvent event = generator.Next();
    (*output)->Write(event.id + ".idea", event.json).IgnoreError();
  }
}

double BareLoop(const std::string& path) {
  const auto start = Clock::now();
  std::vector<char> buffer(1 << 20);
  for (const auto& entry : std::filesystem::directory_iterator(path + "/incoming")) {
    const std::string from = entry.path();
    const std::string to = path + "/pending/" + entry.path().filename().string();
    if (rename(from.c_str(), to.c_str()) != 0) continue;
    const int fd = open(to.c_str(), O_RDONLY | O_CLOEXEC);
    if (read(fd, buffer.data(), buffer.size()) < 0) continue;
    close(fd);
    unlink(to.c_str());
  }
  return SecondsSince(start);
}

struct GatewayTimes {
  double first = 0;
  double all = 0;
};

GatewayTimes ThroughTheGateway(const std::string& path, int files) {
  const auto queue = Queue::Open(path);
  prometheus::Registry registry;
  InMetrics metrics(registry);
  std::atomic<double> first = 0;
  std::atomic<int> settled_events = 0;
  const auto start = Clock::now();
  {
    Finisher finisher(*queue, metrics, {});
    Reader reader(*queue, finisher, metrics,
                  [&](std::vector<pipeline::SourceEvent> events, auto settled) {
                    if (first == 0) first = SecondsSince(start);
                    settled_events += static_cast<int>(events.size());
                    settled_events.notify_all();
                    settled(std::vector<pipeline::Outcome>(
                        events.size(), {pipeline::v1::EventOutcome::KIND_STORED, {}}));
                    return absl::OkStatus();
                  },
                  {});
    std::jthread thread([&](std::stop_token stop) { reader.Run(stop).IgnoreError(); });
    for (int seen = 0; (seen = settled_events) < files;) settled_events.wait(seen);
    thread.request_stop();
    thread.join();
  }
  return {first, SecondsSince(start)};
}

int Main(int argc, char** argv) {
  int files = 0;
  if (argc != 3 || !absl::SimpleAtoi(argv[2], &files)) {
    std::cerr << "usage: reader_benchmark DIR FILES\n";
    return 2;
  }
  const std::string path = argv[1];
  if (!Queue::Open(path).ok()) return 1;
  Fill(path, files);
  const double bare = BareLoop(path);
  Fill(path, files);
  const GatewayTimes gateway = ThroughTheGateway(path, files);
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::cout << "{\"files\":" << files << ",\"bare_per_second\":" << files / bare
            << ",\"gateway_per_second\":" << files / gateway.all
            << ",\"ratio\":" << bare / gateway.all << ",\"first_event_seconds\":" << gateway.first
            << ",\"max_rss_mib\":" << usage.ru_maxrss / 1024 << "}\n";
  return 0;
}

}  // namespace
}  // namespace mentat::filer

int main(int argc, char** argv) { return mentat::filer::Main(argc, argv); }
