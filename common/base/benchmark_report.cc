#include "common/base/benchmark_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace mentat::bench {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::optional<double> Spread(const std::vector<double>& values) {
  if (values.size() < 2) return std::nullopt;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return (*most - *least) / Median(values);
}

nlohmann::ordered_json Number(std::optional<double> value) {
  if (!value.has_value() || !std::isfinite(*value)) return nullptr;
  return *value;
}

std::string Text(std::optional<double> value) {
  if (!value.has_value()) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), std::abs(*value) < 100 ? "%.3g" : "%.0f", *value);
  return text;
}

}  // namespace

Report::Report(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json") {
      json_ = true;
    } else if (argument == "--quick") {
      effort_ = Effort::kQuick;
    } else if (argument == "--smoke") {
      effort_ = Effort::kSmoke;
    } else if (argument.starts_with('-')) {
      std::fprintf(stderr, "usage: %s [--json] [--quick | --smoke] [ARGUMENTS]\n", argv[0]);
      std::exit(2);
    } else {
      arguments_.emplace_back(argument);
    }
  }
}

int Report::rounds() const {
  switch (effort_) {
    case Effort::kFull:
      return 7;
    case Effort::kQuick:
      return 3;
    case Effort::kSmoke:
      break;
  }
  return 1;
}

int64_t Report::Size(int64_t full) const {
  switch (effort_) {
    case Effort::kFull:
      return full;
    case Effort::kQuick:
      return std::max<int64_t>(full / 4, 1);
    case Effort::kSmoke:
      break;
  }
  return std::max<int64_t>(full / 1000, 1);
}

void Report::Compare(const Figure& figure, const std::function<double()>& ours,
                     const std::function<double()>& baseline) {
  std::vector<double> our_figures;
  std::vector<double> baselines;
  for (int round = 0; round < rounds(); ++round) {
    // Neither side always goes first.
    if (round % 2 == 0) baselines.push_back(baseline());
    our_figures.push_back(ours());
    if (round % 2 != 0) baselines.push_back(baseline());
  }
  Add(figure, std::move(our_figures), std::move(baselines));
}

void Report::Add(const Figure& figure, std::vector<double> ours, std::vector<double> baseline) {
  Result result{.figure = figure};
  const auto failed = [](double value) { return !(value > 0) || !std::isfinite(value); };
  if (ours.empty() || (!baseline.empty() && baseline.size() != ours.size()) ||
      std::any_of(ours.begin(), ours.end(), failed) ||
      std::any_of(baseline.begin(), baseline.end(), failed)) {
    std::fprintf(stderr, "%s: was not measured\n", figure.name.c_str());
    std::exit(1);
  }
  result.ours = Median(ours);
  if (baseline.empty()) {
    result.spread = Spread(ours);
  } else {
    result.baseline = Median(baseline);
    std::vector<double> ratios;
    for (size_t i = 0; i < ours.size(); ++i) ratios.push_back(ours[i] / baseline[i]);
    result.ratio = Median(ratios);
    result.spread = Spread(ratios);
  }
  if (figure.bar.has_value()) {
    const double judged = result.ratio.value_or(result.ours);
    result.reached =
        figure.better == Better::kHigher ? judged >= *figure.bar : judged <= *figure.bar;
  }
  results_.push_back(std::move(result));
}

std::string Report::Json() const {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const Result& result : results_) {
    const Figure& figure = result.figure;
    array.push_back(
        {{"name", figure.name},
         {"unit", figure.unit},
         {"ours", Number(result.ours)},
         {"baseline", Number(result.baseline)},
         {"ratio", Number(result.ratio)},
         {"bar", Number(figure.bar)},
         {"better", figure.better == Better::kHigher ? "higher" : "lower"},
         {"reached", result.reached ? nlohmann::ordered_json(*result.reached) : nullptr},
         {"spread", Number(result.spread)},
         {"note", figure.note}});
  }
  return array.dump(1);
}

std::string Report::Table() const {
  std::string table;
  char line[512];
  const auto add = [&](const char* name, const char* ours, const char* baseline, const char* unit,
                       const char* ratio, const char* bar, const char* spread, const char* last) {
    std::snprintf(line, sizeof(line), "%-20s %10s %10s  %-10s %7s %9s %7s  %s\n", name, ours,
                  baseline, unit, ratio, bar, spread, last);
    table += line;
  };
  add("name", "ours", "baseline", "unit", "ratio", "bar", "spread", "");
  for (const Result& result : results_) {
    const Figure& figure = result.figure;
    std::string bar = "-";
    if (figure.bar) bar = (figure.better == Better::kHigher ? ">= " : "<= ") + Text(figure.bar);
    const std::string last =
        (result.reached ? *result.reached ? "reached  " : "MISSED  " : "") + figure.note;
    add(figure.name.c_str(), Text(result.ours).c_str(), Text(result.baseline).c_str(),
        figure.unit.c_str(), Text(result.ratio).c_str(), bar.c_str(), Text(result.spread).c_str(),
        last.c_str());
  }
  return table;
}

int Report::Finish() const {
  const std::string text = json_ ? Json() + "\n" : Table();
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace mentat::bench
