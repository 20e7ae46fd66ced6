#include "tools/mentatctl/nagios.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

constexpr const char* kNames[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

absl::Status NoRange(const std::string& text) {
  return absl::InvalidArgumentError(
      absl::StrCat(text, " is no range; expected [@]START:END, as 10, 10:, ~:10, 10:20 or @10:20"));
}

absl::StatusOr<double> Number(const std::string& digits, const std::string& text) {
  double number = 0;
  if (!absl::SimpleAtod(digits, &number) || !std::isfinite(number)) return NoRange(text);
  return number;
}

// Short, and never with an exponent or in the manner of a country.
std::string Plain(double value) {
  std::string text = absl::StrCat(std::round(value * 1000) / 1000);
  if (text.find('e') != std::string::npos) text = absl::StrCat(static_cast<uint64_t>(value));
  return text;
}

}  // namespace

absl::StatusOr<Range> Range::Parse(const std::string& text) {
  Range range;
  range.text_ = text;
  range.inside_ = text.starts_with("@");
  const std::string numbers = text.substr(range.inside_ ? 1 : 0);
  const size_t colon = numbers.find(':');
  if (colon == std::string::npos) {
    ASSIGN_OR_RETURN(range.end_, Number(numbers, text));
  } else {
    const std::string start = numbers.substr(0, colon);
    const std::string end = numbers.substr(colon + 1);
    range.start_ = start == "~" ? -kInfinity : 0;
    if (start != "~" && !start.empty()) {
      ASSIGN_OR_RETURN(range.start_, Number(start, text));
    }
    range.end_ = kInfinity;
    if (!end.empty()) {
      ASSIGN_OR_RETURN(range.end_, Number(end, text));
    }
  }
  if (range.start_ > range.end_) return NoRange(text);
  return range;
}

bool Range::Alerts(double value) const {
  const bool is_inside = start_ <= value && value <= end_;
  return is_inside == inside_;
}

absl::StatusOr<Thresholds> Thresholds::Parse(const std::vector<std::string>& texts,
                                             const std::vector<std::string>& known) {
  Thresholds thresholds;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const std::string metric = name.substr(name.rfind('.') + 1);
    if (equals == std::string::npos ||
        std::find(known.begin(), known.end(), metric) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(text, ": expected [STAGE.]METRIC=RANGE, with one of the metrics ",
                       absl::StrJoin(known, ", ")));
    }
    ASSIGN_OR_RETURN(thresholds.ranges_[name], Range::Parse(text.substr(equals + 1)));
  }
  return thresholds;
}

const Range* Thresholds::Find(const std::string& name) const {
  auto it = ranges_.find(name);
  if (it == ranges_.end()) it = ranges_.find(name.substr(name.rfind('.') + 1));
  return it == ranges_.end() ? nullptr : &it->second;
}

std::string PerformanceData(const Metric& metric, const Range* warning, const Range* critical) {
  std::string label = metric.name;
  for (char& c : label) {
    if (c == '\'' || c == '=' || c == '|') c = '_';
  }
  std::string text = absl::StrCat("'", label, "'=", Plain(metric.value), metric.unit);
  if (warning != nullptr || critical != nullptr) {
    absl::StrAppend(&text, ";", warning == nullptr ? "" : warning->text());
  }
  if (critical != nullptr) absl::StrAppend(&text, ";", critical->text());
  return text;
}

NagiosResult MakeNagiosResult(int exit_status, const std::string& text, const std::string& data) {
  std::string line = Printable(text);
  std::replace(line.begin(), line.end(), '|', '/');  // begins the data
  return {exit_status, absl::StrCat("MENTAT ", kNames[exit_status], " - ", line,
                                    data.empty() ? "" : " |", data, "\n")};
}

NagiosResult MakeNagiosFailure(const absl::Status& status) {
  const bool is_away = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return MakeNagiosResult(is_away ? kExitCritical : kExitUsage, std::string(status.message()), "");
}

}  // namespace mentat::mentatctl
