#include "common/pipeline/in_flight.h"

#include <algorithm>
#include <utility>

#include "common/pipeline/stage_core.h"

namespace mentat::pipeline {
namespace {

double Seconds(Instant since, Instant now) {
  return std::chrono::duration<double>(now - since).count();
}

// The endpoint of an acknowledgement address, which may begin with a key.
std::string EndpointOf(const std::string& address) {
  const size_t blank = address.find(' ');
  return blank == std::string::npos ? address : address.substr(blank + 1);
}

}  // namespace

InFlight StageCore::ListInFlight(size_t limit, Instant now) const {
  InFlight all;
  uint64_t total = 0;
  if (receiver_) {
    total += receiver_->held_batches();
    for (const Receiver::HeldView& held : receiver_->Oldest(limit)) {
      const auto group = groups_.find(held.serial);
      all.batches.push_back(
          {.side = InFlightBatch::Side::kInput,
           .epoch = held.epoch,
           .id = held.id,
           .attempt = held.attempt,
           .events = held.events,
           .open_events = group == groups_.end() ? held.events : group->second.group.unsettled(),
           .bytes = held.bytes,
           .age_seconds = Seconds(held.since, now),
           .output = "",
           .peer = EndpointOf(held.ack_endpoint),
           .begun = held.begun,
           .isolated = held.isolated});
    }
  } else {
    total += groups_.size();
    for (const auto& [id, entry] : groups_) {
      InFlightBatch& batch = all.batches.emplace_back();
      batch.id = id;
      batch.attempt = 1;
      batch.events = entry.group.size();
      batch.open_events = entry.group.unsettled();
      batch.age_seconds = Seconds(entry.since, now);
      batch.begun = true;
    }
  }
  for (const auto& [name, output] : outputs_) {
    total += output.sender->unsettled_batches();
    for (const Sender::UnsettledView& sent : output.sender->Oldest(limit)) {
      all.batches.push_back(
          {.side = sent.peer.empty() ? InFlightBatch::Side::kWaiting : InFlightBatch::Side::kOutput,
           .epoch = output.sender->epoch(),
           .id = sent.id,
           .attempt = sent.attempt,
           .events = sent.events,
           .open_events = sent.events,
           .bytes = sent.bytes,
           .age_seconds = Seconds(sent.created, now),
           .output = name,
           .peer = sent.peer,
           .begun = sent.begun,
           .isolated = sent.isolated});
    }
  }
  const auto older = [](const InFlightBatch& a, const InFlightBatch& b) {
    return std::pair(-a.age_seconds, a.id) < std::pair(-b.age_seconds, b.id);
  };
  std::sort(all.batches.begin(), all.batches.end(), older);
  if (all.batches.size() > limit) all.batches.resize(limit);
  all.not_listed = total - all.batches.size();
  return all;
}

}  // namespace mentat::pipeline
