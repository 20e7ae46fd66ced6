// Tells Prometheus which services there are (file_sd_configs), by the ports files of a folder.
#ifndef SERVICES_CONTROLLER_TARGETS_H_
#define SERVICES_CONTROLLER_TARGETS_H_

#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "common/service/log.h"
#include "common/service/ports_file.h"
#include "mentat/config/v1/controller.pb.h"

namespace mentat::controller {

// For one thread.
class Targets {
 public:
  // `instance` is the controller's own name.
  Targets(const config::v1::ControllerConfig& config, const std::string& instance, log::Logger log);

  // Looks every `poll_seconds` until `stop` is requested.
  void Run(const std::stop_token& stop);
  // Looks once: writes the file if it does not say what it should. Unavailable if it cannot be
  // written, or the ports files cannot be read.
  absl::Status Update();

 private:
  const config::v1::ControllerConfig config_;
  const log::Logger log_;
  std::optional<service::Ports> own_;  // none where the port is chosen by the system
  std::string written_;
  absl::Status status_;  // of the last look
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_TARGETS_H_
