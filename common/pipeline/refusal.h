// Connections and frames that are refused for what they are, and how to tell of them.
#ifndef COMMON_PIPELINE_REFUSAL_H_
#define COMMON_PIPELINE_REFUSAL_H_

#include <span>
#include <string>
#include <string_view>

#include "common/service/log.h"

namespace mentat::pipeline {

struct Refusal {
  enum class Kind : unsigned char {
    kConnection,  // of somebody to us
    kAttempt,     // of ours to somebody
    kFrame,       // over a connection that stands
  };

  Kind kind = Kind::kConnection;
  std::string_view reason;  // of AllReasons
  std::string endpoint;     // ours that was connected to; for kAttempt the other one
  std::string from;         // IP address of the other end, where known
  std::string key;          // public key of the other end, where known
};

struct RefusalReason {
  Refusal::Kind kind;
  std::string_view reason;  // fit for a metric's label
  std::string_view text;    // for people
};

namespace refusal {

inline constexpr std::string_view kUnknownKey = "unknown_key";
inline constexpr std::string_view kRevokedKey = "revoked_key";
inline constexpr std::string_view kWrongServerKey = "wrong_server_key";
inline constexpr std::string_view kEncryption = "encryption";
inline constexpr std::string_view kMalformed = "malformed";
inline constexpr std::string_view kBroken = "broken";
inline constexpr std::string_view kRefused = "refused";

}  // namespace refusal

std::span<const RefusalReason> AllReasons();
std::string_view Explain(const Refusal& refusal);

// Writes a refusal to the log; those of a kind, a reason and an endpoint hold each other back
// alone. `key_name` is what the refusal's key is called here, if anything.
void LogRefusal(const log::Logger& log, const Refusal& refusal, const std::string& key_name);

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_REFUSAL_H_
