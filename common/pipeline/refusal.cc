#include "common/pipeline/refusal.h"

namespace mentat::pipeline {

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

void LogRefusal(const log::Logger& log, const Refusal& refusal, const std::string& key_name) {
  // What happens in good times too: somebody looks whether the port answers, or which key is ours.
  const bool usual =
      refusal.kind == Refusal::Kind::kConnection &&
      (refusal.reason == refusal::kBroken || refusal.reason == refusal::kWrongServerKey);
  log.ForKey(refusal.endpoint)
      .Write(usual ? log::Level::kInfo : log::Level::kWarning, Explain(refusal),
             {{"endpoint", refusal.endpoint},
              {"from", refusal.from},
              {"key", refusal.key},
              {"key_name", key_name}});
}

}  // namespace mentat::pipeline
