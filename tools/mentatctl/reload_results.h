// What a reload did on each instance, for people and programs.
#ifndef TOOLS_MENTATCTL_RELOAD_RESULTS_H_
#define TOOLS_MENTATCTL_RELOAD_RESULTS_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/session.h"

namespace mentat::mentatctl {

// Reading and checking of many instances, and the wait for one that is lost meanwhile.
inline constexpr absl::Duration kReloadTimeout = absl::Minutes(5);

// A line for each instance, with the keys that take effect with its next start, and the number of
// the reload. The exit status.
int PrintReload(Session& session, const controller::v1::ReloadResponse& response);

// A reload that was refused, or not finished: its errors, with --json as an object that has `error`
// beside what the answer tells. The exit status.
int PrintReloadError(Session& session, const absl::Status& status);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_RELOAD_RESULTS_H_
