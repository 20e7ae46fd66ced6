// Which instances a command is for, as people say it.
#ifndef TOOLS_MENTATCTL_TARGETS_H_
#define TOOLS_MENTATCTL_TARGETS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/cli/command.h"
#include "tools/mentatctl/client.h"

namespace mentat::mentatctl {

struct Targets {
  std::vector<std::string> names;      // stages, instances or admin addresses, whichever it is
  std::vector<std::string> stages;     // --stage
  std::vector<std::string> instances;  // --instance
  bool all = false;                    // --all

  bool empty() const { return names.empty() && stages.empty() && instances.empty(); }
  // Whether these are addresses of instances and nothing else.
  bool OnlyAddresses() const;
};

// TARGET..., --stage and --instance; --all too where nothing given does not mean all.
std::vector<Argument> TargetArguments(Targets& targets, bool with_all);

// InvalidArgument where nothing is given, not even --all, for a command that changes something.
absl::Status CheckGiven(const Targets& targets);

// What the controller is to be told. A name is a stage if the controller knows one of this name, or
// else an instance; nothing at all is all instances but controllers.
absl::StatusOr<controller::v1::Selection> ToSelection(const Client& controller,
                                                      const Targets& targets);

// Calls the controller with a request that lacks the selection only.
template <typename Response, typename Request>
absl::StatusOr<Response> CallSelected(const Session& session, const Targets& targets,
                                      Request request, absl::Duration timeout = kCallTimeout) {
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return client.status();
  const absl::StatusOr<controller::v1::Selection> selection = ToSelection(*client, targets);
  if (!selection.ok()) return selection.status();
  *request.mutable_selection() = *selection;
  Response response;
  if (const absl::Status status = client->Call(request, &response, timeout); !status.ok()) {
    return status;
  }
  return response;
}

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TARGETS_H_
