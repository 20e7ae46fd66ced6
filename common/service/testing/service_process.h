// A service under test as a real process, with a client of its control plane. One thread.
#ifndef COMMON_SERVICE_TESTING_SERVICE_PROCESS_H_
#define COMMON_SERVICE_TESTING_SERVICE_PROCESS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/service/ports_file.h"
#include "common/service/testing/child_process.h"
#include "mentat/stage/v1/stage_admin.grpc.pb.h"

namespace mentat::testing_support {

class ServiceProcess {
 public:
  // Starts the program with a ports file in `folder`, and waits until it listens.
  static absl::StatusOr<std::unique_ptr<ServiceProcess>> Start(const std::string& program,
                                                               const std::string& folder,
                                                               const std::string& name,
                                                               std::vector<std::string> arguments);

  ChildProcess& process() { return *process_; }
  const service::Ports& ports() const { return ports_; }
  const std::string& ports_file() const { return ports_file_; }
  stage::v1::StageAdmin::Stub& admin() { return *admin_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  absl::StatusOr<stage::v1::Status> Status();
  // Watches the status until the condition holds; the status then.
  absl::StatusOr<stage::v1::Status> WaitUntil(
      const std::function<bool(const stage::v1::Status&)>& condition);
  absl::StatusOr<stage::v1::Status> WaitForState(stage::v1::State state);

 private:
  ServiceProcess() = default;

  std::unique_ptr<ChildProcess> process_;
  std::string ports_file_;
  service::Ports ports_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<stage::v1::StageAdmin::Stub> admin_;
};

}  // namespace mentat::testing_support

#endif  // COMMON_SERVICE_TESTING_SERVICE_PROCESS_H_
