// The log that a configuration describes.
#ifndef COMMON_SERVICE_LOG_CONFIG_H_
#define COMMON_SERVICE_LOG_CONFIG_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/service/log_sink.h"
#include "mentat/config/v1/common.pb.h"

namespace mentat::service {

// `config` has been checked by its rules.
absl::StatusOr<std::shared_ptr<log::Sink>> OpenLog(const config::v1::LogConfig& config,
                                                   const std::string& service,
                                                   const std::string& instance);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_LOG_CONFIG_H_
