// What monitoring systems in the manner of Nagios want: ranges for thresholds, exit statuses and a
// line with performance data, as the Monitoring Plugins Development Guidelines describe them.
#ifndef TOOLS_MENTATCTL_NAGIOS_H_
#define TOOLS_MENTATCTL_NAGIOS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mentat::mentatctl {

// `[@]START:END`: an alert outside of START to END, with @ inside, both ends belonging to the
// range. `10` is `0:10`, `10:` has no end, `~:10` no start.
class Range {
 public:
  static absl::StatusOr<Range> Parse(const std::string& text);

  bool Alerts(double value) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  double start_ = 0;
  double end_ = 0;
  bool inside_ = false;
};

// Something that is measured.
struct Metric {
  std::string name;  // `storage.queue_age`
  double value = 0;
  std::string unit;  // `s`, `c` for a counter, empty
};

// Ranges by the name of what they are for: `storage.queue_age`, or `queue_age` for all stages.
class Thresholds {
 public:
  // Each `NAME=RANGE`. InvalidArgument if one is none, or if no metric has the name; `known` are
  // those that there can be, without a stage.
  static absl::StatusOr<Thresholds> Parse(const std::vector<std::string>& texts,
                                          const std::vector<std::string>& known);

  // The range that is meant for the metric; null if there is none.
  const Range* Find(const std::string& name) const;

 private:
  std::map<std::string, Range> ranges_;
};

// `'storage.queue_age'=0.25s;30;120`.
std::string PerformanceData(const Metric& metric, const Range* warning, const Range* critical);

struct NagiosResult {
  int exit_status = 0;
  std::string line;
};

// `MENTAT OK - TEXT | DATA`, on one line whatever the text holds; without data if there is none.
NagiosResult MakeNagiosResult(int exit_status, const std::string& text, const std::string& data);

// For a call that failed: critical if the controller is away, unknown otherwise.
NagiosResult MakeNagiosFailure(const absl::Status& status);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_NAGIOS_H_
