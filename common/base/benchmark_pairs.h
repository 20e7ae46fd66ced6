// Benchmarks of Google's library in pairs: ours and its baseline, repeated in turns.
#ifndef COMMON_BASE_BENCHMARK_PAIRS_H_
#define COMMON_BASE_BENCHMARK_PAIRS_H_

#include <span>
#include <string>

#include "common/base/benchmark_report.h"

namespace mentat::bench {

struct Pair {
  // Of the time of an iteration in nanoseconds where lower is better, else of iterations a second.
  Figure figure;
  std::string ours;  // names of two registered benchmarks
  std::string baseline;
};

// Runs the benchmarks of the pairs and adds each pair to the report. Without --json runs all that
// are registered, and prints them as the library does.
void RunPairs(std::span<const Pair> pairs, Report& report);

}  // namespace mentat::bench

#endif  // COMMON_BASE_BENCHMARK_PAIRS_H_
