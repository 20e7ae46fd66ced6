// Which files a rollback puts, and which it puts back when it fails.
#ifndef SERVICES_CONTROLLER_FILE_CHANGES_H_
#define SERVICES_CONTROLLER_FILE_CHANGES_H_

#include <string>

#include "mentat/controller/state/v1/reload_state.pb.h"
#include "mentat/stage/v1/stage_admin.pb.h"

namespace mentat::controller {

// The files of an instance as it tells them.
state::v1::InstanceFiles MakeInstanceFiles(const std::string& stage, const std::string& instance,
                                           const std::string& address,
                                           const stage::v1::GetReloadFilesResponse& answer);

// What makes those of `now` into those of the instance in `kept`. An instance that is not in `kept`
// takes from another of its stage what both of them read, and keeps the rest.
state::v1::InstanceFiles FilesToPut(const state::v1::InstanceFiles& now,
                                    const state::v1::KeptReload& kept);

// The files of `now` with the paths of `put`.
state::v1::InstanceFiles FilesBefore(const state::v1::InstanceFiles& now,
                                     const state::v1::InstanceFiles& put);

// What undoes `put`: those of `before`, but where somebody has changed the file since.
state::v1::InstanceFiles FilesToPutBack(const state::v1::InstanceFiles& now,
                                        const state::v1::InstanceFiles& put,
                                        const state::v1::InstanceFiles& before);

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_FILE_CHANGES_H_
