// How fast files are taken, read and finished, beside a bare loop of open, read, rename and unlink
// over the same files. Events are settled at once, so that only the gateway's own work is measured.
//
//   ./mentat bench filer
//   reader_benchmark [--json] [--quick] [DIR]     DIR is made, filled, and removed
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/benchmark_report.h"
#include "prometheus/registry.h"
#include "services/filer_gateway/bare_loop.h"
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
    Reader reader(
        *queue, finisher, metrics,
        [&](const pipeline::SourceBatch& events, auto settled) {
          if (first == 0) first = SecondsSince(start);
          settled_events += static_cast<int>(events.size());
          settled_events.notify_all();
          settled(pipeline::Outcomes(events.size(), pipeline::v1::EventOutcome::KIND_STORED));
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
  bench::Report report(argc, argv);
  const int files = static_cast<int>(report.Size(50'000));
  std::string path = "/tmp/filer-benchmark-XXXXXX";
  if (!report.arguments().empty()) {
    path = report.arguments()[0];
  } else if (mkdtemp(path.data()) == nullptr) {
    return 1;
  }
  if (!Queue::Open(path).ok()) return 1;
  std::vector<double> first;
  const auto rate = [&](double seconds) { return files / seconds; };
  report.Compare(
      {.name = "filer",
       .unit = "files/s",
       .bar = 0.5,
       .note = "files taken, read and finished / a bare loop of rename, open, read, unlink"},
      [&] {
        Fill(path, files);
        const GatewayTimes times = ThroughTheGateway(path, files);
        first.push_back(times.first * 1000);
        return rate(times.all);
      },
      [&] {
        Fill(path, files);
        return rate(BareLoopSeconds(path));
      });
  report.Add({.name = "filer-first-event",
              .unit = "ms",
              .better = bench::Better::kLower,
              .note = "from the start of the reader to its first event"},
             first);
  std::filesystem::remove_all(path);
  return report.Finish();
}

}  // namespace
}  // namespace mentat::filer

int main(int argc, char** argv) { return mentat::filer::Main(argc, argv); }
