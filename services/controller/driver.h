// What starts, stops and scales the processes of stages.
#ifndef SERVICES_CONTROLLER_DRIVER_H_
#define SERVICES_CONTROLLER_DRIVER_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/service/log.h"
#include "mentat/config/v1/controller.pb.h"
#include "mentat/controller/v1/controller.pb.h"

namespace prometheus {
class Registry;
}

namespace mentat::controller {

// Thread-safe. A call returns as soon as what is wanted is recorded so that it survives the end of
// the controller; the answer tells what is wanted, and what runs at that moment. Without names a
// call is for all stages; NotFound for a stage that the driver does not know.
class Driver {
 public:
  using Names = std::vector<std::string>;
  using Workloads = absl::StatusOr<std::vector<v1::Workload>>;

  virtual ~Driver() = default;

  // Does what is wanted, on the caller's thread, until `stop` is requested.
  virtual void Run(std::stop_token stop) = 0;

  virtual Workloads List(const Names& stages) = 0;
  virtual Workloads Start(const Names& stages) = 0;
  virtual Workloads Stop(const Names& stages) = 0;
  // InvalidArgument where the driver cannot restart single instances.
  virtual Workloads Restart(const v1::Selection& selection) = 0;
  // OutOfRange if the stage cannot have as many.
  virtual Workloads Scale(const std::string& stage, uint32_t instances) = 0;
};

// The driver that is configured; null if there is none. FailedPrecondition says why it cannot work.
absl::StatusOr<std::unique_ptr<Driver>> MakeDriver(const config::v1::DriverConfig& config,
                                                   const log::Logger& log,
                                                   prometheus::Registry& registry);

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_DRIVER_H_
