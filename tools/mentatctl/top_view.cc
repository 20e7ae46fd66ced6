#include "tools/mentatctl/top_view.h"

#include <algorithm>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/mentatctl/judge.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/text.h"
#include "tools/mentatctl/topology_text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::InstanceStatus;
using controller::v1::StageStatus;

constexpr std::string_view kNormal = "\x1b[0m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kReverse = "\x1b[7m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";

constexpr char kKeys[] =
    "q quit  f flow  r rate  h held  o oldest  m memory  e edges  +/- interval";

struct Entry {
  const StageStatus* stage;
  const InstanceStatus* instance;  // null for a stage that has none
};

std::string Cut(const std::string& text, size_t columns) {
  if (Columns(text) <= columns) return text;
  size_t end = 0;
  for (size_t shown = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
    if (begins && shown++ == columns) break;
  }
  return text.substr(0, end);
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  return lines;
}

// What an instance is put in order by; more comes first.
double Weight(const Entry& entry, TopOrder order) {
  if (entry.instance == nullptr) return -1;
  const stage::v1::Status& status = entry.instance->status();
  switch (order) {
    case TopOrder::kFlow:
      return 0;
    case TopOrder::kRate:
      return status.received_per_second();
    case TopOrder::kHeld:
      return static_cast<double>(status.ledger().in_flight());
    case TopOrder::kOldest:
      return Seconds(status.oldest_event_age());
    case TopOrder::kMemory:
      return static_cast<double>(status.memory_bytes());
  }
  return 0;
}

std::vector<Entry> InOrder(const TopData& data, TopOrder order) {
  std::vector<Entry> entries;
  for (const StageStatus& stage : data.status.stages()) {
    if (stage.instances().empty()) entries.push_back({&stage, nullptr});
    for (const InstanceStatus& instance : stage.instances()) entries.push_back({&stage, &instance});
  }
  std::stable_sort(entries.begin(), entries.end(), [order](const Entry& a, const Entry& b) {
    return Weight(a, order) > Weight(b, order);
  });
  return entries;
}

std::string_view ColorOf(const Entry& entry) {
  if (entry.instance == nullptr) return kRed;
  if (IsReady(*entry.instance)) return "";
  const bool answers = entry.instance->reachability() == controller::v1::REACHABILITY_ANSWERED;
  const bool bad = !answers || entry.instance->status().state() == stage::v1::STATE_NOT_READY;
  return bad && entry.instance->reachability() != controller::v1::REACHABILITY_GONE ? kRed
                                                                                    : kYellow;
}

// A line for each entry below a title; with the stage where there is room for it.
std::vector<std::string> InstanceLines(const std::vector<Entry>& entries, size_t columns) {
  for (const bool with_stage : {true, false}) {
    std::vector<std::string> titles = {"INSTANCE", "STATE",   ">IN/S", ">OUT/S",
                                       ">HELD",    ">OLDEST", ">REJ.", ">MEMORY"};
    if (with_stage) titles.insert(titles.begin(), "STAGE");
    Table table(titles);
    for (const auto& [stage, instance] : entries) {
      std::vector<std::string> row;
      if (with_stage) row.push_back(stage->name());
      if (instance == nullptr) {
        row.insert(row.end(), {with_stage ? "-" : stage->name(), "no instance"});
      } else {
        const stage::v1::Status& status = instance->status();
        row.insert(row.end(), {InstanceName(*instance), StateText(*instance)});
        const std::string memory = BytesText(status.memory_bytes());
        if (status.has_ledger()) {
          row.insert(row.end(), {absl::StrFormat("%.0f", status.received_per_second()),
                                 absl::StrFormat("%.0f", status.settled_per_second()),
                                 absl::StrCat(status.ledger().in_flight()),
                                 AgeText(Seconds(status.oldest_event_age())),
                                 absl::StrCat(status.ledger().rejected()), memory});
        } else if (status.memory_bytes() > 0) {
          row.insert(row.end(), {"-", "-", "-", "-", "-", memory});
        }
      }
      table.Add(std::move(row));
    }
    std::vector<std::string> lines = Split(table.Format());
    const bool fits = std::all_of(lines.begin(), lines.end(), [columns](const std::string& line) {
      return Columns(line) <= columns;
    });
    if (fits || !with_stage) return lines;
  }
  return {};
}

// Lines with their colour.
class Page {
 public:
  explicit Page(const TopOptions& options) : options_(options) {}

  void Add(const std::string& line, std::string_view color = "") {
    std::string cut = Cut(line, options_.columns);
    if (options_.color && !color.empty()) {
      if (color == kReverse) cut.resize(cut.size() + options_.columns - Columns(cut), ' ');
      cut = absl::StrCat(std::string(color), cut, std::string(kNormal));
    }
    lines_.push_back(std::move(cut));
  }
  // Lines that there is room for.
  size_t Room() const {
    if (options_.rows == 0) return static_cast<size_t>(-1);
    const size_t used = lines_.size() + 1;  // the last one is for the keys
    return used >= options_.rows ? 0 : options_.rows - used;
  }
  std::vector<std::string> Take() {
    if (options_.rows > 0) {
      lines_.resize(options_.rows - 1);
      Add(kKeys, kReverse);
    }
    return std::move(lines_);
  }

 private:
  const TopOptions& options_;
  std::vector<std::string> lines_;
};

void AddHead(const TopData& data, Page& page) {
  const Severity severity = Judge(data.status);
  page.Add(absl::StrCat("mentat  ", Printable(data.controller), "  ", TimeText(data.status.time())),
           kReverse);
  if (!data.error.empty()) {
    page.Add(Printable(data.error), kRed);
  } else {
    page.Add(absl::StrCat(SeverityName(severity), ": ", Printable(Summary(data.status))),
             severity == Severity::kOk        ? kGreen
             : severity == Severity::kWarning ? kYellow
                                              : kRed);
  }
  page.Add("");
}

void AddInstances(const TopData& data, const TopOptions& options, Page& page) {
  const std::vector<Entry> entries = InOrder(data, options.order);
  const std::vector<std::string> lines = InstanceLines(entries, options.columns);
  page.Add(lines[0], kBold);
  const size_t room = page.Room();
  const size_t most = entries.size() > room ? entries.size() - room : 0;
  const size_t first = std::min(options.scroll, most);
  const size_t end =
      std::min(entries.size(), room > entries.size() ? entries.size() : first + room);
  for (size_t i = first; i < end; ++i) page.Add(lines[i + 1], ColorOf(entries[i]));
}

}  // namespace

std::vector<std::string> TopLines(const TopData& data, const TopOptions& options) {
  Page page(options);
  AddHead(data, page);
  AddInstances(data, options, page);
  const std::vector<std::string> edges = Split(EdgesText(data.topology));
  if (options.edges && edges.size() > 1 && page.Room() > 2) {
    page.Add("");
    page.Add(edges[0], kBold);
    for (size_t i = 1; i < edges.size() && page.Room() > 0; ++i) page.Add(edges[i]);
  }
  return page.Take();
}

}  // namespace mentat::mentatctl
