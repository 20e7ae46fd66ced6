#include "tools/mentatctl/direct.h"

#include <string>
#include <vector>

#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/results.h"

namespace mentat::mentatctl {

bool CanCallDirectly(const Targets& targets, const absl::Status& answer) {
  return targets.OnlyAddresses() && (answer.code() == absl::StatusCode::kUnavailable ||
                                     answer.code() == absl::StatusCode::kDeadlineExceeded ||
                                     answer.code() == absl::StatusCode::kNotFound);
}

int CallDirectly(Session& session, const Targets& targets, const absl::Status& why,
                 const google::protobuf::Message& request, google::protobuf::Message* response) {
  session.err << "mentatctl: called without a controller: " << why.message() << "\n";
  std::vector<std::string> addresses = targets.names;
  addresses.insert(addresses.end(), targets.instances.begin(), targets.instances.end());
  google::protobuf::RepeatedPtrField<controller::v1::InstanceResult> results;
  for (const std::string& address : addresses) {
    controller::v1::InstanceResult& result = *results.Add();
    result.set_address(address);
    const absl::StatusOr<Client> client = Client::ToInstance(session, address);
    const absl::Status status = client.ok() ? client->Call(request, response) : client.status();
    result.set_code(static_cast<int>(status.code()));
    result.set_error(std::string(status.message()));
  }
  return PrintResults(session, results);
}

}  // namespace mentat::mentatctl
