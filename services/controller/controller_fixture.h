// A controller over real stages, all in processes of their own.
#ifndef SERVICES_CONTROLLER_CONTROLLER_FIXTURE_H_
#define SERVICES_CONTROLLER_CONTROLLER_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "common/service/testing/service_process.h"
#include "gtest/gtest.h"
#include "mentat/controller/v1/controller.grpc.pb.h"

namespace mentat::controller {

// One thread.
class ControllerTest : public testing::Test {
 protected:
  using Arguments = std::vector<std::string>;
  using Process = std::unique_ptr<testing_support::ServiceProcess>;

  void SetUp() override;

  // A demo stage with an input, in this state. Its ports file stands in folder() + "/ports".
  Process StartDemo(const std::string& name, const Arguments& arguments = {},
                    stage::v1::State state = stage::v1::STATE_READY);
  // Stops the process; all of its threads stand still when this returns.
  static void Freeze(Process& process);
  // `stages` as JSON.
  void StartController(const std::string& stages, const Arguments& arguments = {});
  void StopController();

  // The call of a method as it is written in C++: Call(&Stub::Pause, request).
  template <typename Request, typename Response>
  Response Call(grpc::Status (v1::Controller::Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                const Request& request) {
    Response response;
    const grpc::Status status = TryCall(method, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  template <typename Request, typename Response>
  grpc::Status TryCall(grpc::Status (v1::Controller::Stub::*method)(grpc::ClientContext*,
                                                                    const Request&, Response*),
                       const Request& request, Response& response) {
    grpc::ClientContext context;
    SetDeadline(context);
    return (*stub_.*method)(&context, request, &response);
  }
  static void SetDeadline(grpc::ClientContext& context);

  v1::GetStatusResponse Status(const std::vector<std::string>& stages = {});

  const std::string& folder() const { return folder_; }
  testing_support::ServiceProcess& controller() { return *controller_; }
  v1::Controller::Stub& stub() { return *stub_; }

 private:
  std::string folder_;
  Process controller_;
  std::unique_ptr<v1::Controller::Stub> stub_;
};

// A stage of the controller's configuration.
std::string Stage(const std::string& name, const std::vector<std::string>& addresses);
std::string Stages(const std::vector<std::string>& stages);

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_CONTROLLER_FIXTURE_H_
