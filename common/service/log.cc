#include "common/service/log.h"

#include "common/service/log_sink.h"

namespace mentat::log {

Logger::Logger(std::shared_ptr<Sink> sink, std::string module)
    : sink_(std::move(sink)), module_(sink_ == nullptr ? nullptr : &sink_->GetModule(module)) {}

Logger Logger::Stderr() {
  // Without a file, creation cannot fail.
  return Logger(Sink::Create({.format = Format::kText}).value());
}

Logger Logger::Null() { return Logger(nullptr); }

Logger Logger::ForModule(std::string_view module) const {
  Logger logger = *this;
  if (sink_ != nullptr) logger.module_ = &sink_->GetModule(module);
  return logger;
}

Logger Logger::ForKey(std::string_view key) const {
  Logger logger = *this;
  logger.key_ = key;
  return logger;
}

Logger Logger::Unlimited() const {
  Logger logger = *this;
  logger.limited_ = false;
  return logger;
}

bool Logger::Enabled(Level level) const { return sink_ != nullptr && level >= module_->level; }

void Logger::Debug(std::string_view message, Fields fields) const {
  Write(Level::kDebug, message, fields);
}
void Logger::Info(std::string_view message, Fields fields) const {
  Write(Level::kInfo, message, fields);
}
void Logger::Warning(std::string_view message, Fields fields) const {
  Write(Level::kWarning, message, fields);
}
void Logger::Error(std::string_view message, Fields fields) const {
  Write(Level::kError, message, fields);
}

void Logger::Write(Level level, std::string_view message, Fields fields) const {
  if (Enabled(level)) sink_->Write({level, *module_, message, key_, limited_}, fields);
}

}  // namespace mentat::log
