#include "common/pipeline/stage_metrics.h"

#include <chrono>

namespace mentat::pipeline {
namespace {

prometheus::Counter* MakeCounter(prometheus::Registry& registry, const char* name, const char* help,
                                 const std::map<std::string, std::string>& labels = {}) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge* MakeGauge(prometheus::Registry& registry, const char* name, const char* help,
                             const std::map<std::string, std::string>& labels = {}) {
  return &prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

}  // namespace

StageMetrics::StageMetrics(prometheus::Registry& registry,
                           const std::vector<std::string>& outputs) {
  for (const std::string& name : outputs) {
    const std::map<std::string, std::string> labels = {{"output", name}};
    Output& output = outputs_[name];
    output.sent_batches.counter = MakeCounter(registry, "mentat_pipeline_sent_batches_total",
                                              "Batches sent to peers, resends included.", labels);
    output.resent_batches.counter = MakeCounter(registry, "mentat_pipeline_resent_batches_total",
                                                "Batches sent again.", labels);
    output.silent_batches.counter =
        MakeCounter(registry, "mentat_pipeline_silent_batches_total",
                    "Batches that a living peer said nothing about in time. What is sent again for "
                    "that draws on the resend budget.",
                    labels);
    output.late_acks.counter =
        MakeCounter(registry, "mentat_pipeline_late_acks_total",
                    "Outcomes of batches that were settled or sent again already.", labels);
    output.lost_peers.counter = MakeCounter(registry, "mentat_pipeline_lost_peers_total",
                                            "Connections to peers that broke.", labels);
    output.isolated_batches.counter =
        MakeCounter(registry, "mentat_pipeline_isolated_batches_total",
                    "Suspect batches that were tried alone.", labels);
    output.condemned_events.counter =
        MakeCounter(registry, "mentat_pipeline_condemned_events_total",
                    "Events that became dead letters since they killed their workers.", labels);
    output.returned_events.counter =
        MakeCounter(registry, "mentat_pipeline_returned_events_total",
                    "Events that peers gave back to be sent again.", labels);
    output.resolve_failures = MakeCounter(registry, "mentat_pipeline_resolve_failures_total",
                                          "Look-ups of peers' names that failed.", labels);
    output.peers = MakeGauge(registry, "mentat_pipeline_peers", "Peers known.", labels);
    output.peers_up = MakeGauge(registry, "mentat_pipeline_peers_up", "Peers that answer.", labels);
    output.queued_events = MakeGauge(registry, "mentat_pipeline_queued_events",
                                     "Events that wait for a peer.", labels);
    output.unsettled_events = MakeGauge(registry, "mentat_pipeline_unsettled_events",
                                        "Events that wait for a peer or for its outcome.", labels);
  }
  for (const char* reason : {"short", "magic", "version", "kind", "length", "checksum", "message",
                             "events", "unexpected"}) {
    refused_frames_[reason] =
        MakeCounter(registry, "mentat_pipeline_refused_frames_total",
                    "Frames that are not of the protocol, or of a key that is no longer "
                    "allowed.",
                    {{"reason", reason}});
  }
  for (const RefusalReason& each : AllReasons()) {
    prometheus::Counter*& counter = refusals_[{each.kind, each.reason}];
    const std::map<std::string, std::string> labels = {{"reason", std::string(each.reason)}};
    switch (each.kind) {
      case Refusal::Kind::kConnection:
        counter = MakeCounter(registry, "mentat_pipeline_refused_connections_total",
                              "Connections of others that never stood.", labels);
        break;
      case Refusal::Kind::kAttempt:
        counter = MakeCounter(registry, "mentat_pipeline_failed_connections_total",
                              "Connections to others that reached them and never stood.", labels);
        break;
      case Refusal::Kind::kFrame:
        counter = MakeCounter(registry, "mentat_pipeline_refused_frames_total",
                              "Frames that are not of the protocol, or of a key that is no longer "
                              "allowed.",
                              labels);
        break;
    }
  }
  encrypted_ = MakeGauge(registry, "mentat_pipeline_encrypted",
                         "1 if connections are encrypted and authenticated, else 0.");
  received_batches_.counter =
      MakeCounter(registry, "mentat_pipeline_received_batches_total", "Batches taken.");
  repeated_batches_.counter =
      MakeCounter(registry, "mentat_pipeline_repeated_batches_total",
                  "Batches that came again while they were held or after they were settled.");
  refused_batches_.counter = MakeCounter(registry, "mentat_pipeline_refused_batches_total",
                                         "Batches that are over a limit or from too many senders.");
  abandoned_batches_.counter = MakeCounter(registry, "mentat_pipeline_abandoned_batches_total",
                                           "Isolated batches whose sender did not say go.");
  given_up_events_.counter = MakeCounter(registry, "mentat_pipeline_given_up_events_total",
                                         "Events that best-effort outputs had no room for.");
  held_events_ = MakeGauge(registry, "mentat_pipeline_held_events", "Events held.");
  held_bytes_ = MakeGauge(registry, "mentat_pipeline_held_bytes", "Bytes of the events held.");
  oldest_seconds_ = MakeGauge(registry, "mentat_pipeline_oldest_event_age_seconds",
                              "Age of the oldest event that is not settled.");
}

void StageMetrics::RefusedFrame(std::string_view reason) {
  const auto it = refused_frames_.find(reason);
  if (it != refused_frames_.end()) it->second->Increment();
}

void StageMetrics::Refused(const Refusal& refusal) {
  const auto it = refusals_.find({refusal.kind, refusal.reason});
  if (it != refusals_.end()) it->second->Increment();
}

void StageMetrics::SetEncrypted(bool encrypted) { encrypted_->Set(encrypted ? 1 : 0); }

void StageMetrics::Update(StageCore& core, Instant now) {
  for (auto& [name, output] : outputs_) {
    const Sender& sender = core.sender(name);
    const Sender::Counters& counters = sender.counters();
    output.sent_batches.Follow(counters.sent_batches);
    output.resent_batches.Follow(counters.resent_batches);
    output.silent_batches.Follow(counters.silent_batches);
    output.late_acks.Follow(counters.late_acks);
    output.lost_peers.Follow(counters.lost_peers);
    output.isolated_batches.Follow(counters.isolated_batches);
    output.condemned_events.Follow(counters.condemned_events);
    output.returned_events.Follow(counters.returned_events);
    int known = 0;
    int up = 0;
    for (const auto& [id, peer] : sender.peers()) {
      ++known;
      up += peer.up;
    }
    output.peers->Set(known);
    output.peers_up->Set(up);
    output.queued_events->Set(static_cast<double>(sender.queued_events()));
    output.unsettled_events->Set(static_cast<double>(sender.unsettled_events()));
  }
  if (const Receiver* receiver = core.receiver()) {
    const Receiver::Counters& counters = receiver->counters();
    received_batches_.Follow(counters.batches);
    repeated_batches_.Follow(counters.repeated_batches);
    refused_batches_.Follow(counters.refused_batches);
    abandoned_batches_.Follow(counters.abandoned_batches);
    held_events_->Set(static_cast<double>(receiver->held_events()));
    held_bytes_->Set(static_cast<double>(receiver->held_bytes()));
  }
  given_up_events_.Follow(core.given_up_events());
  const std::optional<Instant> oldest = core.oldest();
  oldest_seconds_->Set(oldest ? std::chrono::duration<double>(now - *oldest).count() : 0);
}

}  // namespace mentat::pipeline
