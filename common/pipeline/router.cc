#include "common/pipeline/router.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::pipeline {
namespace {

using Kind = v1::EventOutcome;
using Book = Group::Book;

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::string EventId(std::string_view event) {
  using google::protobuf::internal::WireFormatLite;
  constexpr size_t kMaxBytes = 128;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(event.data()),
                                            static_cast<int>(event.size()));
  while (const uint32_t tag = in.ReadTag()) {
    uint32_t length = 0;
    std::string id;
    if (tag == WireFormatLite::MakeTag(idea::v1::Event::kIdFieldNumber,
                                       WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) {
      const bool read = in.ReadVarint32(&length) && length <= event.size() &&
                        in.ReadString(&id, static_cast<int>(std::min<size_t>(length, kMaxBytes)));
      return read ? id : "";
    }
    if (!WireFormatLite::SkipField(&in, tag)) break;
  }
  return "";
}

std::string BatchName(uint64_t epoch, uint64_t id) {
  return absl::StrCat(absl::Hex(epoch, absl::kZeroPad16), "/", id);
}

Router::Router(const Routes& routes) : routes_(routes) {
  boxes_.reserve(routes.outputs.size());
  for (const auto& [name, output] : routes.outputs) {
    boxes_.push_back({.output = name, .best_effort = output.best_effort, .parcels = {}});
    if (name == "default") default_box_ = &boxes_.back();
  }
}

Router::Box* Router::Find(std::string_view output) {
  const auto it = std::find_if(boxes_.begin(), boxes_.end(),
                               [&](const Box& box) { return box.output == output; });
  return it == boxes_.end() ? nullptr : &*it;
}

void Router::Expect(uint64_t bytes) {
  if (default_box_ != nullptr) default_box_->expected = bytes;
}

void Router::Route(const Item& item, const Place& place) {
  Group& group = *place.group;
  for (const Item::Copy& copy : item.copies()) {
    Box* const box = Find(copy.output);
    if (box == nullptr) continue;  // the rule loader refuses such rules
    Put({copy.event, item.received_at()}, place, *box);
  }
  switch (item.verdict()) {
    case Item::Verdict::kForward:
      if (default_box_ != nullptr) {
        Forward(item, place, *default_box_);
      } else {
        group.SetBook(place.index, Book::kStored);
        group.End(place.index, Kind::KIND_STORED);
      }
      break;
    case Item::Verdict::kDispatch:
      if (Box* const box = Find(item.dispatch_output())) {
        Forward(item, place, *box);
      } else {
        const std::string wire = item.TakeWire();
        Reject({wire, item.received_at()}, place, v1::REASON_FAILED,
               "no output named " + item.dispatch_output());
      }
      break;
    case Item::Verdict::kDrop:
      group.SetBook(place.index, Book::kDropped);
      group.End(place.index, Kind::KIND_DROPPED);
      break;
    case Item::Verdict::kReject: {
      const std::string wire = item.TakeWire();
      Reject({wire, item.received_at()}, place, item.reason(), item.message(),
             item.rejecting_rule());
      break;
    }
    case Item::Verdict::kStored:
    case Item::Verdict::kDuplicate:
      group.SetBook(place.index, Book::kStored);
      if (item.dead_letter() != nullptr) {
        group.End(place.index, Kind::KIND_DEAD_LETTER, item.dead_letter());
      } else {
        group.End(place.index, item.verdict() == Item::Verdict::kStored ? Kind::KIND_STORED
                                                                        : Kind::KIND_DUPLICATE);
      }
      break;
    case Item::Verdict::kRetry:
      group.End(place.index, Kind::KIND_RETRY);
      break;
  }
}

void Router::Forward(const Item& item, const Place& place, Box& box) {
  const idea::v1::Event* const changed = item.changed();
  if (changed == nullptr) {
    Put({item.wire(), item.received_at(), item.dead_letter()}, place, box);
    return;
  }
  const uint64_t bytes = Body::EntryBytes(changed->ByteSizeLong(), item.received_at());
  if (Parcel* const parcel = Begin(box, place, item.wire(), bytes)) {
    parcel->body.AppendSized(*changed, item.received_at());
  }
}

void Router::Send(const ItemView& item, const Place& place, std::string_view output) {
  Put(item, place, *Find(output));
}

void Router::Put(const ItemView& item, const Place& place, Box& box) {
  const uint64_t bytes =
      Body::EntryBytes(item.event.size(), item.received_at, item.dead_letter, item.heartbeat);
  if (Parcel* const parcel = Begin(box, place, item.event, bytes)) {
    parcel->body.Append(item.event, item.received_at, item.dead_letter, item.heartbeat);
  }
}

// The parcel that an entry of this size belongs into, its ticket added; null if no peer would take
// the entry: then the event has come to its end.
Parcel* Router::Begin(Box& box, const Place& place, std::string_view event, uint64_t entry_bytes) {
  Group& group = *place.group;
  if (entry_bytes > routes_.max_item_bytes()) {
    // The source has to keep it.
    rejected_.push_back(
        {MakeDeadLetter(v1::REASON_TOO_LARGE, std::to_string(entry_bytes) +
                                                  " bytes on the wire, the limit is " +
                                                  std::to_string(routes_.max_event_bytes)),
         EventId(event), "", place.group_id});
    group.SetBook(place.index, Book::kRejected);
    group.End(place.index, Kind::KIND_DEAD_LETTER, &rejected_.back().dead_letter);
    return nullptr;
  }
  const auto full = [&](const Body& body) {
    return body.events() >= routes_.max_batch_events ||
           body.bytes().size() + entry_bytes > routes_.max_batch_bytes;
  };
  if (box.parcels.empty() || full(box.parcels.back().body)) {
    Body& body = box.parcels.emplace_back().body;
    body.Reserve(std::min(std::max(box.expected, entry_bytes), routes_.max_batch_bytes));
  }
  box.expected -= std::min(box.expected, entry_bytes);
  Parcel& parcel = box.parcels.back();
  if (place.deadline && (!parcel.deadline || *place.deadline < *parcel.deadline)) {
    parcel.deadline = place.deadline;
  }
  if (box.best_effort) {
    // Settled here and now: whatever becomes of it cannot hold up the others.
    group.End(place.index, Kind::KIND_DROPPED);
    parcel.AddTicket(0, 0);
  } else {
    group.Open(place.index);
    parcel.AddTicket(place.group_id, place.index);
  }
  return &parcel;
}

void Router::PassDeadLetter(const ItemView& item, const Place& place) {
  if (default_box_ != nullptr) {
    Put(item, place, *default_box_);
    return;
  }
  place.group->SetBook(place.index, Book::kRejected);
  place.group->End(place.index, Kind::KIND_DEAD_LETTER, item.dead_letter);
}

void Router::PassHeartbeat(const ItemView& item, const Place& place) {
  if (default_box_ != nullptr) {
    Put(item, place, *default_box_);
    return;
  }
  place.group->SetBook(place.index, Book::kStored);
  place.group->End(place.index, Kind::KIND_STORED);
}

// A dead letter begins: it goes on to where dead letters are kept, or, at the end, back as it is.
void Router::Reject(const ItemView& item, const Place& place, v1::Reason reason,
                    std::string_view message, std::string_view rule) {
  v1::DeadLetter dead_letter = MakeDeadLetter(reason, message);
  dead_letter.set_rule(std::string(rule));
  rejected_.push_back({dead_letter, EventId(item.event), "", place.group_id});
  PassDeadLetter({item.event, item.received_at, &dead_letter}, place);
  place.group->SetBook(place.index, Book::kRejected);
}

v1::DeadLetter Router::MakeDeadLetter(v1::Reason reason, std::string_view message) const {
  v1::DeadLetter dead_letter;
  dead_letter.set_reason(reason);
  dead_letter.set_stage(routes_.stage);
  dead_letter.set_instance(routes_.instance);
  size_t size = std::min(message.size(), kMaxMessageBytes);
  // Not in the middle of a character.
  while (size < message.size() && size > 0 && (message[size] & 0xC0) == 0x80) --size;
  dead_letter.set_message(std::string(message.substr(0, size)));
  dead_letter.set_time(NowMicros());
  return dead_letter;
}

std::map<std::string, std::vector<Parcel>, std::less<>> Router::TakeParcels() {
  std::map<std::string, std::vector<Parcel>, std::less<>> parcels;
  for (Box& box : boxes_) {
    if (!box.parcels.empty()) parcels.emplace(box.output, std::exchange(box.parcels, {}));
  }
  return parcels;
}

}  // namespace mentat::pipeline
