// Where the instances of each stage should be: by the configuration, the name service, and the
// ports files of local services.
#ifndef SERVICES_CONTROLLER_DIRECTORY_H_
#define SERVICES_CONTROLLER_DIRECTORY_H_

#include <string>
#include <vector>

#include "mentat/config/v1/controller.pb.h"

namespace mentat::controller {

struct KnownStage {
  std::string name;
  std::vector<std::string> addresses;  // host:port, each once
  std::string error;                   // why an address could not be found, where that is so
};

// The configured stages in their order, then those that only ports files tell of, by name. Blocks
// for the name service.
std::vector<KnownStage> FindStages(const config::v1::ControllerConfig& config);

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_DIRECTORY_H_
