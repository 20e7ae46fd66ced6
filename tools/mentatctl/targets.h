// Which instances a command is for, as people say it.
#ifndef TOOLS_MENTATCTL_TARGETS_H_
#define TOOLS_MENTATCTL_TARGETS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

// What the controller is to be told. A name is a stage if the controller knows one of this name, or
// else an instance; nothing at all is all instances but controllers.
absl::StatusOr<controller::v1::Selection> ToSelection(const Client& controller,
                                                      const Targets& targets);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TARGETS_H_
