// What a call did on each instance, for people and programs.
#ifndef TOOLS_MENTATCTL_RESULTS_H_
#define TOOLS_MENTATCTL_RESULTS_H_

#include <algorithm>
#include <string>

#include "google/protobuf/repeated_field.h"
#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/session.h"

namespace mentat::mentatctl {

// The instance's name, or its address where no name is known.
std::string NameOf(const controller::v1::InstanceResult& result);

// A line for each instance: `NAME: done` on `out`, `NAME: what is wrong` on `err`; with --json all
// of them as one object on `out`. kExitWarning if one failed.
int PrintResults(Session& session,
                 const google::protobuf::RepeatedPtrField<controller::v1::InstanceResult>& results);

// Says on `err` why an instance did not answer. The exit status.
int PrintFailure(Session& session, const controller::v1::InstanceResult& result);

// The same for answers that each have a result; the worst of their exit statuses.
template <typename Instances>
int PrintFailures(Session& session, const Instances& instances) {
  int exit_status = 0;
  for (const auto& instance : instances) {
    exit_status = std::max(exit_status, PrintFailure(session, instance.result()));
  }
  return exit_status;
}

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_RESULTS_H_
