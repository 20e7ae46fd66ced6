#include "tools/mentatctl/results.h"

#include "nlohmann/json.hpp"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {

using controller::v1::InstanceResult;

std::string NameOf(const InstanceResult& result) {
  return Printable(result.instance().empty() ? result.address() : result.instance());
}

int PrintFailure(Session& session, const InstanceResult& result) {
  if (result.code() == 0) return kExitOk;
  session.err << NameOf(result) << ": " << PrintableLines(result.error()) << "\n";
  return kExitWarning;
}

int PrintResults(Session& session,
                 const google::protobuf::RepeatedPtrField<InstanceResult>& results) {
  int exit_status = kExitOk;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const InstanceResult& result : results) {
    exit_status = std::max(exit_status, PrintFailure(session, result));
    if (session.json) {
      list.push_back(ToJson(result));
    } else if (result.code() == 0) {
      session.out << NameOf(result) << ": done\n";
    }
  }
  if (session.json) session.out << JsonText({{"results", std::move(list)}});
  return exit_status;
}

}  // namespace mentat::mentatctl
