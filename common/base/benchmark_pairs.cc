#include "common/base/benchmark_pairs.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

namespace mentat::bench {
namespace {

// Keeps the time of each repetition.
class Times : public benchmark::ConsoleReporter {
 public:
  explicit Times(bool print) : print_(print) {}

  bool ReportContext(const Context& context) override {
    return !print_ || ConsoleReporter::ReportContext(context);
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<Run> medians;
    for (const Run& run : runs) {
      if (run.error_occurred) {
        std::fprintf(stderr, "%s: %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
        std::exit(1);
      }
      if (run.aggregate_name == "median") medians.push_back(run);
      if (run.run_type != Run::RT_Iteration) continue;
      nanoseconds_[run.run_name.function_name].push_back(run.cpu_accumulated_time * 1e9 /
                                                         static_cast<double>(run.iterations));
    }
    if (print_) ConsoleReporter::ReportRuns(medians);
  }

  std::vector<double> Of(const std::string& name, Better better) const {
    const auto found = nanoseconds_.find(name);
    if (found == nanoseconds_.end()) return {};
    std::vector<double> values = found->second;
    if (better == Better::kHigher) {
      for (double& value : values) value = 1e9 / value;
    }
    return values;
  }

 private:
  bool print_;
  std::map<std::string, std::vector<double>> nanoseconds_;
};

}  // namespace

void RunPairs(std::span<const Pair> pairs, Report& report) {
  const bool smoke = report.rounds() == 1;
  std::vector<std::string> flags = {
      "benchmark", "--benchmark_repetitions=" + std::to_string(report.rounds()),
      "--benchmark_enable_random_interleaving=true",
      smoke ? "--benchmark_min_time=0.001" : "--benchmark_min_time=0.2"};
  if (report.json()) {
    std::string filter = "--benchmark_filter=^(";
    for (const Pair& pair : pairs) filter += pair.ours + "|" + pair.baseline + "|";
    filter.back() = ')';
    flags.push_back(filter + "$");
  }
  std::vector<char*> argv;
  for (std::string& flag : flags) argv.push_back(flag.data());
  int argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
  Times times(!report.json());
  benchmark::RunSpecifiedBenchmarks(&times);
  for (const Pair& pair : pairs) {
    const Better better = pair.figure.better;
    report.Add(pair.figure, times.Of(pair.ours, better), times.Of(pair.baseline, better));
  }
}

}  // namespace mentat::bench
