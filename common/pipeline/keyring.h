// What a stage's encryption rests on: its own key, and whose keys it accepts on which edge.
#ifndef COMMON_PIPELINE_KEYRING_H_
#define COMMON_PIPELINE_KEYRING_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/pipeline/keys.h"
#include "mentat/config/v1/common.pb.h"

namespace mentat::pipeline {

// Immutable once made, thread-safe.
struct Keyring {
  // Server's key on what this process binds and client's key on what it connects, so that a
  // receiver knows the key of the acknowledgements' socket by the key that the batches came under.
  KeyPair own;
  PublicKeys senders;                           // who may send to the input
  std::map<std::string, PublicKeys> receivers;  // by output: who may be sent to, and acknowledge

  bool MaySend(std::string_view key) const { return senders.contains(key); }
  bool MayAcknowledge(std::string_view key) const;
  // The name of an allowed key; empty if it is none.
  std::string Name(std::string_view key) const;
};

// Reads the files that the configuration names; null where it has no `curve`. `own` takes the
// place of the own key's file, which is read only once in the life of a process.
absl::StatusOr<std::shared_ptr<const Keyring>> LoadKeyring(const config::v1::PipelineConfig& config,
                                                           const KeyPair* own = nullptr);

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_KEYRING_H_
