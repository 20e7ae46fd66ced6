#include "tools/mentatctl/runlog_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using stage::v1::Runlog;

// `killed`.
std::string ResultText(const Runlog& run) {
  const std::string name = stage::v1::RunResult_Name(run.result());
  constexpr std::string_view kPrefix = "RUN_RESULT_";
  return absl::AsciiStrToLower(name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name);
}

std::string CountText(uint64_t count) { return absl::StrCat(count); }

double Rate(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}
std::string RateText(uint64_t count, double seconds) {
  return absl::StrFormat("%.1f", Rate(count, seconds));
}

uint64_t Errors(const Runlog& run) {
  const auto found = run.log_records().find("error");
  return found == run.log_records().end() ? 0 : found->second;
}

// The most frequent first.
std::vector<std::pair<std::string, uint64_t>> Sorted(
    const std::map<std::string, uint64_t>& counts) {
  std::vector<std::pair<std::string, uint64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

// Of `is away attempt=3` the first words; the fields differ each time.
std::string WithoutFields(const std::string& text) {
  return text.substr(0, text.rfind(' ', text.find('=')));
}

void AddLine(std::string& text, const std::string& name, const std::string& value) {
  if (!value.empty()) absl::StrAppend(&text, absl::StrFormat("%-14s %s\n", name, Printable(value)));
}

}  // namespace

double RunSeconds(const Runlog& run) {
  const auto& end = run.has_end_time() ? run.end_time() : run.saved_time();
  const auto& start = run.start_time();
  const double seconds = static_cast<double>(end.seconds()) - static_cast<double>(start.seconds()) +
                         (end.nanos() - start.nanos()) / 1e9;
  return std::max(0.0, seconds);
}

std::string RunsTable(const std::vector<Runlog>& runs) {
  Table table({"SERVICE", "INSTANCE", "STARTED", ">FOR", "RESULT", ">RECEIVED", ">PER SECOND",
               ">ERRORS", "REASON"});
  for (const Runlog& run : runs) {
    table.Add({run.service(), run.instance(), TimeText(run.start_time()), AgeText(RunSeconds(run)),
               ResultText(run), CountText(run.received_events()),
               RateText(run.received_events(), RunSeconds(run)), CountText(Errors(run)),
               run.reason().substr(0, 60)});
  }
  return table.Format();
}

std::string RunText(const Runlog& run) {
  std::string text;
  AddLine(text, "service", absl::StrCat(run.service(), " ", run.version()));
  AddLine(text, "instance", run.instance());
  AddLine(text, "command", run.command());
  AddLine(text, "process", absl::StrCat(run.pid(), " on ", run.host()));
  AddLine(text, "configuration", run.config_digest().substr(0, 16));
  AddLine(text, "started", TimeText(run.start_time()));
  AddLine(text, run.has_end_time() ? "ended" : "told",
          absl::StrCat(TimeText(run.has_end_time() ? run.end_time() : run.saved_time()), ", after ",
                       AgeText(RunSeconds(run))));
  AddLine(text, "result",
          run.result() == stage::v1::RUN_RESULT_FAILED
              ? absl::StrCat(ResultText(run), ", exit status ", run.exit_status())
              : ResultText(run));
  AddLine(text, "reason", run.reason());
  AddLine(text, "memory", BytesText(run.memory_bytes()));
  AddLine(text, "cpu", absl::StrFormat("%.1f s", run.cpu_seconds()));
  if (run.received_events() > 0) {
    AddLine(text, "events",
            absl::StrCat(run.received_events(), " received (",
                         RateText(run.received_events(), RunSeconds(run)), "/s), ",
                         run.forwarded_events(), " forwarded, ", run.stored_events(), " stored, ",
                         run.dropped_events(), " dropped, ", run.rejected_events(), " rejected, ",
                         run.retried_events(), " retried, ", run.in_flight_events(), " held"));
    AddLine(text, "batches",
            absl::StrCat(run.resent_batches(), " resent, ", run.late_acks(), " late acks"));
  }
  for (const auto& [name, value] : std::map<std::string, std::string>(run.command_result().begin(),
                                                                      run.command_result().end())) {
    AddLine(text, name, value);
  }
  if (run.marks_size() > 0) text += "\n";
  for (const stage::v1::RunMark& mark : run.marks()) {
    absl::StrAppend(&text, TimeText(mark.time()), "  ", Printable(mark.name()), "\n");
  }
  if (run.more_marks() > 0) absl::StrAppend(&text, "and ", run.more_marks(), " more in between\n");
  if (run.errors_size() > 0) text += "\n";
  for (const stage::v1::RunError& error : run.errors()) {
    absl::StrAppend(&text, TimeText(error.last_time()), "  ", error.count(), " times  ",
                    Printable(absl::StrCat(error.module(), ": ", error.text())), "\n");
  }
  if (run.more_errors() > 0) absl::StrAppend(&text, "and ", run.more_errors(), " other errors\n");
  return text;
}

std::vector<RunsSummary> Summarise(const std::vector<Runlog>& runs) {
  std::map<std::string, RunsSummary> by_service;
  for (const Runlog& run : runs) {
    RunsSummary& summary = by_service[run.service()];
    const double seconds = RunSeconds(run);
    summary.service = run.service();
    summary.shortest_seconds =
        summary.runs == 0 ? seconds : std::min(summary.shortest_seconds, seconds);
    summary.longest_seconds = std::max(summary.longest_seconds, seconds);
    ++summary.runs;
    summary.seconds += seconds;
    summary.cpu_seconds += run.cpu_seconds();
    summary.received_events += run.received_events();
    summary.rejected_events += run.rejected_events();
    switch (run.result()) {
      case stage::v1::RUN_RESULT_RUNNING:
        ++summary.running;
        break;
      case stage::v1::RUN_RESULT_OK:
        ++summary.ok;
        break;
      case stage::v1::RUN_RESULT_KILLED:
        ++summary.killed;
        break;
      default:
        ++summary.failed;
        ++summary.reasons[run.reason()];
    }
    for (const stage::v1::RunError& error : run.errors()) {
      summary.errors[absl::StrCat(error.module(), ": ", WithoutFields(error.text()))] +=
          error.count();
    }
  }
  std::vector<RunsSummary> summaries;
  for (auto& [name, summary] : by_service) summaries.push_back(std::move(summary));
  return summaries;
}

std::string SummaryText(const std::vector<RunsSummary>& summaries) {
  Table table({"SERVICE", ">RUNS", ">RUNNING", ">OK", ">FAILED", ">KILLED", ">MEAN", ">SHORTEST",
               ">LONGEST", ">CPU", ">RECEIVED", ">PER SECOND", ">REJECTED"});
  for (const RunsSummary& each : summaries) {
    table.Add(
        {each.service, CountText(each.runs), CountText(each.running), CountText(each.ok),
         CountText(each.failed), CountText(each.killed),
         AgeText(each.seconds / static_cast<double>(each.runs)), AgeText(each.shortest_seconds),
         AgeText(each.longest_seconds),
         absl::StrFormat("%.1f%%", each.seconds > 0 ? 100 * each.cpu_seconds / each.seconds : 0),
         CountText(each.received_events), RateText(each.received_events, each.seconds),
         CountText(each.rejected_events)});
  }
  std::string text = table.Format();
  for (const RunsSummary& each : summaries) {
    for (const auto& [reason, count] : Sorted(each.reasons)) {
      absl::StrAppend(&text, each.service, ": failed ", count, " times: ", Printable(reason), "\n");
    }
    for (const auto& [error, count] : Sorted(each.errors)) {
      absl::StrAppend(&text, each.service, ": error ", count, " times: ", Printable(error), "\n");
    }
  }
  return text;
}

nlohmann::ordered_json SummaryJson(const std::vector<RunsSummary>& summaries) {
  nlohmann::ordered_json services = nlohmann::ordered_json::array();
  for (const RunsSummary& each : summaries) {
    services.push_back({{"service", each.service},
                        {"runs", each.runs},
                        {"running", each.running},
                        {"ok", each.ok},
                        {"failed", each.failed},
                        {"killed", each.killed},
                        {"seconds", each.seconds},
                        {"shortest_seconds", each.shortest_seconds},
                        {"longest_seconds", each.longest_seconds},
                        {"cpu_seconds", each.cpu_seconds},
                        {"received_events", each.received_events},
                        {"received_per_second", Rate(each.received_events, each.seconds)},
                        {"rejected_events", each.rejected_events},
                        {"reasons", each.reasons},
                        {"errors", each.errors}});
  }
  return {{"services", std::move(services)}};
}

}  // namespace mentat::mentatctl
