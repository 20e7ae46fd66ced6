// The calls that a reload of many instances is made of, each on all of them at once.
#ifndef SERVICES_CONTROLLER_RELOAD_STEPS_H_
#define SERVICES_CONTROLLER_RELOAD_STEPS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "mentat/controller/state/v1/reload_state.pb.h"
#include "services/controller/clients.h"
#include "services/controller/fan_out.h"
#include "services/controller/selection.h"

namespace mentat::controller {

// An identifier for PrepareReload, drawn at random.
std::string NewReloadId();

// Thread-safe.
class ReloadSteps {
 public:
  // The clients outlive the object. Checking files may take `reload_timeout`, all else
  // `call_timeout`.
  ReloadSteps(Clients& clients, absl::Duration call_timeout, absl::Duration reload_timeout)
      : clients_(clients), call_timeout_(call_timeout), reload_timeout_(reload_timeout) {}

  std::vector<Answer<stage::v1::PrepareReloadResponse>> Prepare(std::span<const Target> targets,
                                                                const std::string& id) const;
  std::vector<Answer<stage::v1::CommitReloadResponse>> Commit(std::span<const Target> targets,
                                                              const std::string& id,
                                                              uint64_t version) const;
  // Instances that it does not reach throw what they have prepared away by themselves.
  void Abort(std::span<const Target> targets, const std::string& id) const;
  std::vector<Answer<stage::v1::GetReloadFilesResponse>> GetFiles(
      std::span<const Target> targets) const;
  // `files` for each of the targets.
  std::vector<Answer<stage::v1::PutReloadFilesResponse>> PutFiles(
      std::span<const Target> targets, std::span<const state::v1::InstanceFiles> files) const;

 private:
  Clients& clients_;
  const absl::Duration call_timeout_;
  const absl::Duration reload_timeout_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_RELOAD_STEPS_H_
