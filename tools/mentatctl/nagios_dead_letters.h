// `mentatctl dead-letters count --nagios`: how many there are, as one line of a monitoring plugin.
#ifndef TOOLS_MENTATCTL_NAGIOS_DEAD_LETTERS_H_
#define TOOLS_MENTATCTL_NAGIOS_DEAD_LETTERS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/nagios.h"

namespace mentat::mentatctl {

// The ranges that the number may be in; an empty text is none.
struct DeadLetterRanges {
  static absl::StatusOr<DeadLetterRanges> Parse(const std::string& warning,
                                                const std::string& critical);

  std::optional<Range> warning;
  std::optional<Range> critical;
};

// Of the groups, the largest three are named.
NagiosResult MakeNagiosResult(const controller::v1::CountDeadLettersResponse& counts,
                              const DeadLetterRanges& ranges);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_NAGIOS_DEAD_LETTERS_H_
