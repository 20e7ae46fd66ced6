// What a command of mentatctl runs in.
#ifndef TOOLS_MENTATCTL_SESSION_H_
#define TOOLS_MENTATCTL_SESSION_H_

#include <istream>
#include <optional>
#include <ostream>

#include "absl/status/status.h"
#include "tools/mentatctl/connection.h"

namespace mentat::mentatctl {

struct Session {
  Connection connection;
  bool json = false;                      // --json: what is printed is for programs
  std::optional<double> timeout_seconds;  // --timeout: for each call
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

// Says on `err` what is wrong; the exit status that belongs to the code (exit_status.h).
int Fail(Session& session, const absl::Status& status);
int ExitStatusOf(absl::StatusCode code);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_SESSION_H_
