#include "tools/mentatctl/session.h"

#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {

int ExitStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return kExitWarning;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kExitUsage;
    default:
      return kExitCritical;
  }
}

int Fail(Session& session, const absl::Status& status) {
  session.err << "mentatctl: " << PrintableLines(std::string(status.message())) << "\n";
  return ExitStatusOf(status.code());
}

}  // namespace mentat::mentatctl
