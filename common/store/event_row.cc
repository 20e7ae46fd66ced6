#include "common/store/event_row.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/idea/address.h"
#include "common/idea/codec.h"
#include "common/store/copy_row.h"
#include "common/store/net_cover.h"

namespace mentat::store {
namespace {

using idea::v1::Annotations;
using idea::v1::Event;
using idea::v1::SourceTarget;

// In the order of MakeEventRow.
constexpr std::string_view kColumns[] = {
    "detect_time",
    "storage_time",
    "create_time",
    "received_time",
    "id",
    "category",
    "description",
    "source_net",
    "target_net",
    "source_port",
    "target_port",
    "source_type",
    "target_type",
    "protocol",
    "node_name",
    "node_type",
    "resolved_abuses",
    "target_abuses",
    "source_asn",
    "source_country",
    "event_class",
    "event_subclass",
    "event_severity",
    "target_class",
    "target_subclass",
    "target_severity",
    "inspection_errors",
    "tlp",
    "shadow_reporting",
    "shadow_reporting_target",
    "event",
};

constexpr size_t kUsualBytes = 2048;  // of a row

// The years 1 to 9999.
constexpr int64_t kFirstTime = -62'135'596'800'000'000;
constexpr int64_t kLastTime = 253'402'300'799'999'999;

bool IsStorable(int64_t time) { return kFirstTime <= time && time <= kLastTime; }

// The longest beginning that fits and ends between two characters.
std::string_view Cut(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

// The distinct texts of some lists, cut, in order.
class TextSet {
 public:
  template <typename Strings>
  void Add(const Strings& texts) {
    for (const std::string& text : texts) Add(std::string_view(text));
  }
  void Add(std::string_view text) { items_.push_back(Cut(text, kMaxItemBytes)); }

  std::span<const std::string_view> Distinct() {
    std::sort(items_.begin(), items_.end());
    items_.erase(std::unique(items_.begin(), items_.end()), items_.end());
    if (items_.size() > kMaxColumnItems) items_.resize(kMaxColumnItems);
    return items_;
  }

 private:
  std::vector<std::string_view> items_;
};

std::vector<int64_t> Distinct(std::vector<int64_t> items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  if (items.size() > kMaxColumnItems) items.resize(kMaxColumnItems);
  return items;
}

using Ends = google::protobuf::RepeatedPtrField<SourceTarget>;

void AppendNets(const Ends& ends, CopyRow& row) {
  std::vector<idea::AddressRange> ranges;
  for (const SourceTarget& end : ends) {
    for (const auto& net : end.ip4()) ranges.push_back(idea::Bounds(net));
    for (const auto& net : end.ip6()) ranges.push_back(idea::Bounds(net));
  }
  row.NetRanges(Cover(std::move(ranges), kMaxColumnRanges));
}

void AppendPorts(const Ends& ends, CopyRow& row) {
  std::vector<int64_t> ports;
  for (const SourceTarget& end : ends) {
    for (int64_t port : end.port()) {
      if (0 <= port && port <= 65535) ports.push_back(port);
    }
  }
  row.Int4Array(Distinct(std::move(ports)));
}

void AppendTypes(const Ends& ends, CopyRow& row) {
  TextSet types;
  for (const SourceTarget& end : ends) types.Add(end.type());
  row.TextArray(types.Distinct());
}

void AppendTime(bool has, int64_t time, CopyRow& row) {
  if (has && IsStorable(time)) {
    row.Time(time);
  } else {
    row.Null();
  }
}

// A class or a severity, in lower case.
void AppendName(bool has, std::string_view name, CopyRow& row) {
  if (!has) return row.Null();
  std::string lower(Cut(name, kMaxItemBytes));
  absl::AsciiStrToLower(&lower);
  row.Text(lower);
}

// The traffic light protocol's label, which IDEA does not know.
void AppendTlp(const Event& event, CopyRow& row) {
  for (const auto& member : event.unknown()) {
    if (member.key() == "TLP" && member.value().has_text()) {
      return row.Text(Cut(member.value().text(), kMaxItemBytes));
    }
  }
  row.Null();
}

}  // namespace

std::span<const std::string_view> EventColumns() { return kColumns; }

absl::StatusOr<EventRow> MakeEventRow(const Event& event, int64_t received_time,
                                      int64_t storage_time) {
  if (event.id().empty() || event.id().find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("ID: expected a text that is not empty, without U+0000");
  }
  if (!event.has_detect_time() || !IsStorable(event.detect_time())) {
    return absl::InvalidArgumentError("DetectTime: expected a time in the years 1 to 9999");
  }
  // An annotation under the newest key goes before one under the older.
  const Annotations& newest = event.mentat();
  const Annotations& older = event.cesnet();
  TextSet protocols;
  for (const SourceTarget& end : event.source()) protocols.Add(end.proto());
  for (const SourceTarget& end : event.target()) protocols.Add(end.proto());
  TextSet categories;
  categories.Add(event.category());
  TextSet node_names;
  TextSet node_types;
  for (const auto& node : event.node()) {
    if (node.has_name()) node_names.Add(std::string_view(node.name()));
    node_types.Add(node.type());
  }
  const auto& asn = newest.source_resolved_asn().empty() ? older.source_resolved_asn()
                                                         : newest.source_resolved_asn();

  EventRow result;
  result.id = event.id();
  result.detect_time = event.detect_time();
  result.bytes.reserve(kUsualBytes);
  CopyRow row(std::size(kColumns), &result.bytes);
  using Texts = const google::protobuf::RepeatedPtrField<std::string>& (Annotations::*)() const;
  const auto append_list = [&](Texts list) {
    TextSet texts;
    texts.Add((newest.*list)().empty() ? (older.*list)() : (newest.*list)());
    row.TextArray(texts.Distinct());
  };
  using Has = bool (Annotations::*)() const;
  using Get = const std::string& (Annotations::*)() const;
  const auto append_name = [&](Has has, Get get) {
    const Annotations& from = (newest.*has)() ? newest : older;
    AppendName((from.*has)(), (from.*get)(), row);
  };
  row.Time(event.detect_time());
  row.Time(storage_time);
  AppendTime(event.has_create_time(), event.create_time(), row);
  AppendTime(received_time != 0, received_time, row);
  row.Text(event.id());
  row.TextArray(categories.Distinct());
  if (event.has_description()) {
    row.Text(Cut(event.description(), kMaxDescriptionBytes));
  } else {
    row.Null();
  }
  AppendNets(event.source(), row);
  AppendNets(event.target(), row);
  AppendPorts(event.source(), row);
  AppendPorts(event.target(), row);
  AppendTypes(event.source(), row);
  AppendTypes(event.target(), row);
  row.TextArray(protocols.Distinct());
  row.TextArray(node_names.Distinct());
  row.TextArray(node_types.Distinct());
  append_list(&Annotations::resolved_abuses);
  append_list(&Annotations::target_abuses);
  row.Int8Array(Distinct({asn.begin(), asn.end()}));
  append_list(&Annotations::source_resolved_country);
  append_name(&Annotations::has_event_class, &Annotations::event_class);
  append_list(&Annotations::event_subclass);
  append_name(&Annotations::has_event_severity, &Annotations::event_severity);
  append_name(&Annotations::has_target_class, &Annotations::target_class);
  append_list(&Annotations::target_subclass);
  append_name(&Annotations::has_target_severity, &Annotations::target_severity);
  append_list(&Annotations::inspection_errors);
  AppendTlp(event, row);
  row.Boolean(newest.shadow_reporting() || older.shadow_reporting());
  row.Boolean(newest.shadow_reporting_target() || older.shadow_reporting_target());
  // The JSON has no U+0000: it is escaped there.
  row.TextFrom([&](std::string* out) { idea::AppendEvent(event, out); });
  return result;
}

}  // namespace mentat::store
