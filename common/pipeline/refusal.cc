#include "common/pipeline/refusal.h"

namespace mentat::pipeline {
namespace {

constexpr std::chrono::minutes kBetweenLines(1);
// Endpoints come and go.
constexpr size_t kMaxLines = 1000;

}  // namespace

std::span<const RefusalReason> AllReasons() {
  using Kind = Refusal::Kind;
  static constexpr RefusalReason kReasons[] = {
      {Kind::kConnection, refusal::kUnknownKey,
       "a connection was refused: its key is not among the allowed keys"},
      {Kind::kConnection, refusal::kRevokedKey,
       "a connection was refused: its key is no longer among the allowed keys"},
      {Kind::kConnection, refusal::kWrongServerKey,
       "a connection was refused: it takes this process for the owner of another key"},
      {Kind::kConnection, refusal::kEncryption,
       "a connection was refused: only one of its two ends is configured with keys"},
      {Kind::kConnection, refusal::kMalformed,
       "a connection was refused: it does not speak as it should"},
      {Kind::kConnection, refusal::kBroken, "a connection ended before it stood"},
      {Kind::kAttempt, refusal::kRefused, "a peer refused the key of this process"},
      {Kind::kAttempt, refusal::kEncryption,
       "a peer cannot be used: only one of the two is configured with keys"},
      {Kind::kAttempt, refusal::kMalformed,
       "a peer cannot be used: what answers there does not speak as it should"},
      {Kind::kAttempt, refusal::kBroken,
       "a connection ended before it stood: the peer went away, or it does not own the key that it "
       "was taken for"},
      {Kind::kFrame, refusal::kRevokedKey, "a frame was refused: its key is no longer allowed"},
  };
  return kReasons;
}

std::string_view Explain(const Refusal& refusal) {
  for (const RefusalReason& each : AllReasons()) {
    if (each.kind == refusal.kind && each.reason == refusal.reason) return each.text;
  }
  return refusal.reason;
}

void RefusalLog::Write(const Refusal& refusal, const std::string& key_name, Clock::time_point now) {
  if (lines_.size() >= kMaxLines) lines_.clear();
  Line& line = lines_[{refusal.kind, refusal.reason, refusal.endpoint}];
  if (now < line.next) {
    ++line.held_back;
    return;
  }
  line.next = now + kBetweenLines;
  const log::Logger::Fields fields = {{"endpoint", refusal.endpoint},
                                      {"from", refusal.from},
                                      {"key", refusal.key},
                                      {"key_name", key_name},
                                      {"not_logged", std::exchange(line.held_back, 0)}};
  // What happens in good times too: somebody looks whether the port answers, or which key is ours.
  const bool usual =
      refusal.kind == Refusal::Kind::kConnection &&
      (refusal.reason == refusal::kBroken || refusal.reason == refusal::kWrongServerKey);
  if (usual) {
    log_.Info(Explain(refusal), fields);
  } else {
    log_.Warning(Explain(refusal), fields);
  }
}

}  // namespace mentat::pipeline
