#include "tools/mentatctl/filter_command.h"

#include <memory>
#include <utility>

#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/filter_input.h"
#include "tools/mentatctl/session.h"

namespace mentat::mentatctl {
namespace {

constexpr char kDescription[] =
    "Reads events, one a line, and prints those that match, unchanged. --cases takes lines\n"
    "of {\"expr\":...,\"event\":{...},\"raw\":false}. Exit status 1 if an event could not be read\n"
    "or evaluated, 2 if the expression is wrong; with --value and --cases errors of an\n"
    "expression are results like others.\n";

struct Options {
  FilterOptions filter;
  bool count = false;
  bool value = false;
  bool explain = false;
  bool format = false;
};

// Why these do not go together; empty if they do.
std::string Problem(const Options& options) {
  const FilterOptions& filter = options.filter;
  const int outputs = options.count + options.value + options.explain + options.format;
  if (outputs > 1) return "--count, --value, --explain and --format exclude each other";
  if (filter.cases && (filter.raw || outputs > 0 || !filter.expression.empty())) {
    return "--cases goes with nothing else";
  }
  const bool needs_expression = !filter.cases && !options.format;
  return needs_expression && filter.expression.empty() ? "EXPR is missing" : "";
}

int RunFilter(Session& session, const Options& options) {
  if (const std::string problem = Problem(options); !problem.empty()) {
    session.err << "mentatctl: " << problem << "\nmentatctl filter --help says more\n";
    return kExitUsage;
  }
  FilterOptions filter = options.filter;
  using Output = FilterOptions::Output;
  if (options.count) filter.output = Output::kCount;
  if (options.value) filter.output = Output::kValue;
  if (options.explain) filter.output = Output::kExplain;
  if (options.format) filter.output = Output::kFormat;
  return FilterInput(filter, session.in, session.out, session.err);
}

}  // namespace

Command MakeFilterCommand() {
  const auto options = std::make_shared<Options>();
  return {
      .name = "filter",
      .summary = "matches events with an expression of the filter language",
      .description = kDescription,
      .examples = {"mentatctl filter 'Category in [\"Recon.Scanning\"]' < events.ndjson",
                   "mentatctl filter 'Source.IP4 in [\"192.0.2.0/24\"]' --explain < events.ndjson",
                   "mentatctl filter --format < rule.txt"},
      .arguments = {{"EXPR", &options->filter.expression, "the expression"},
                    {"--count", &options->count, "prints how many match"},
                    {"--value", &options->value,
                     "prints what the expression comes to for each event"},
                    {"--explain", &options->explain, "prints which of its parts decided"},
                    {"--format", &options->format,
                     "prints the expression, or that of the input, laid out"},
                    {"--raw", &options->filter.raw, "the language's raw mode"},
                    {"--cases", &options->filter.cases, "takes a test case from each line"}},
      .run = [options](Session& session) { return RunFilter(session, *options); }};
}

}  // namespace mentat::mentatctl
