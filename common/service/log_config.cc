#include "common/service/log_config.h"

#include <chrono>
#include <utility>

namespace mentat::service {
namespace {

log::Level LevelOf(const std::string& name) {
  return log::ParseLevel(name).value_or(log::Level::kInfo);
}

}  // namespace

absl::StatusOr<std::shared_ptr<log::Sink>> OpenLog(const config::v1::LogConfig& config,
                                                   const std::string& service,
                                                   const std::string& instance) {
  using SystemLog = log::SinkOptions::SystemLog;
  log::SinkOptions options;
  options.level = LevelOf(config.level());
  for (const auto& [module, level] : config.modules()) options.modules[module] = LevelOf(level);
  options.format = config.format() == "text" ? log::Format::kText : log::Format::kJson;
  options.file = config.file();
  if (config.system_log() == "syslog") options.system_log = SystemLog::kSyslog;
  if (config.system_log() == "journal") options.system_log = SystemLog::kJournal;
  options.system_log_socket = config.system_log_socket();
  options.repeats = {
      .records = config.max_repeats(),
      .period = std::chrono::milliseconds(static_cast<int64_t>(config.repeat_seconds() * 1000))};
  options.service = service;
  options.instance = instance;
  return log::Sink::Create(std::move(options));
}

}  // namespace mentat::service
