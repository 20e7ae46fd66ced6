// What run logs say, for people and programs.
#ifndef TOOLS_MENTATCTL_RUNLOG_REPORT_H_
#define TOOLS_MENTATCTL_RUNLOG_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mentat/stage/v1/runlog.pb.h"
#include "nlohmann/json_fwd.hpp"

namespace mentat::mentatctl {

// From the start to the end, or to when the run log was told.
double RunSeconds(const stage::v1::Runlog& run);

// A line for each run.
std::string RunsTable(const std::vector<stage::v1::Runlog>& runs);
// Everything that one run log says.
std::string RunText(const stage::v1::Runlog& run);

// All runs of one service together.
struct RunsSummary {
  std::string service;
  uint64_t runs = 0;
  uint64_t running = 0;
  uint64_t ok = 0;
  uint64_t failed = 0;
  uint64_t killed = 0;
  double seconds = 0;  // of all runs
  double shortest_seconds = 0;
  double longest_seconds = 0;
  double cpu_seconds = 0;
  uint64_t received_events = 0;
  uint64_t rejected_events = 0;
  std::map<std::string, uint64_t> reasons;  // of failed runs
  std::map<std::string, uint64_t> errors;   // in the logs
};
// Ordered by service.
std::vector<RunsSummary> Summarise(const std::vector<stage::v1::Runlog>& runs);
std::string SummaryText(const std::vector<RunsSummary>& summaries);
nlohmann::ordered_json SummaryJson(const std::vector<RunsSummary>& summaries);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_RUNLOG_REPORT_H_
