// Calls on instances without a controller.
#ifndef TOOLS_MENTATCTL_DIRECT_H_
#define TOOLS_MENTATCTL_DIRECT_H_

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/targets.h"

namespace mentat::mentatctl {

// Whether the instances can be called although the controller gave this answer: they are named by
// their addresses, and the controller does not answer or does not know them.
bool CanCallDirectly(const Targets& targets, const absl::Status& answer);

// Calls the method that takes `request`, one of stage_admin.proto, on each of the addresses, and
// prints a result for each. `why` is what the controller answered. The exit status.
int CallDirectly(Session& session, const Targets& targets, const absl::Status& why,
                 const google::protobuf::Message& request, google::protobuf::Message* response);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_DIRECT_H_
