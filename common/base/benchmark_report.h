// What a benchmark says: each figure beside its baseline, both measured in turns in the same run,
// and the bar that it is to reach. `./mentat bench` reads this of all benchmarks;
// docs/performance.md.
//
//   int main(int argc, char** argv) {
//     mentat::bench::Report report(argc, argv);
//     report.Compare({.name = "hop", .unit = "events/s", .bar = 0.8}, HopRate, RawRate);
//     return report.Finish();
//   }
//
// Used by one thread.
#ifndef COMMON_BASE_BENCHMARK_REPORT_H_
#define COMMON_BASE_BENCHMARK_REPORT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mentat::bench {

enum class Better { kHigher, kLower };

struct Figure {
  std::string name;  // lower case with dashes; unique among all benchmarks
  std::string unit;
  // Of the ratio to the baseline, or of the figure itself where there is no baseline. None: for
  // information.
  std::optional<double> bar;
  Better better = Better::kHigher;
  std::string note;  // what is measured against what, a short line
};

// The command line of each benchmark:
//   --json    prints an array of objects in place of a table
//   --quick   fewer rounds of smaller sizes
//   --smoke   one round, as small as can be: only whether it runs
class Report {
 public:
  // Ends the program with status 2 if an argument that begins with a dash is none of these.
  Report(int argc, char** argv);

  // What else was on the command line.
  const std::vector<std::string>& arguments() const { return arguments_; }
  bool json() const { return json_; }
  // How often each side is measured.
  int rounds() const;
  // How many events, files, … where an unabridged run takes `full` of them.
  int64_t Size(int64_t full) const;

  // Measures both sides in turns. A side gives its figure: a rate, or a time.
  void Compare(const Figure& figure, const std::function<double()>& ours,
               const std::function<double()>& baseline);
  // Takes what was measured in turns elsewhere, one value a round.
  void Add(const Figure& figure, std::vector<double> ours, std::vector<double> baseline = {});

  // Prints everything; the exit status of main.
  int Finish() const;

 private:
  struct Result {
    Figure figure;
    double ours = 0;
    std::optional<double> baseline;
    // The median of the rounds' ratios, and (largest − smallest) / median of them, or of the
    // figure itself without a baseline.
    std::optional<double> ratio;
    std::optional<double> spread;
    std::optional<bool> reached;
  };
  std::string Json() const;
  std::string Table() const;

  enum class Effort { kFull, kQuick, kSmoke };
  std::vector<std::string> arguments_;
  bool json_ = false;
  Effort effort_ = Effort::kFull;
  std::vector<Result> results_;
};

}  // namespace mentat::bench

#endif  // COMMON_BASE_BENCHMARK_REPORT_H_
