// The gRPC server of a service: StageAdmin, health, reflection, and what the service adds.
#ifndef COMMON_SERVICE_ADMIN_SERVER_H_
#define COMMON_SERVICE_ADMIN_SERVER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/service/config_binder.h"
#include "common/service/log.h"
#include "mentat/config/v1/common.pb.h"

namespace grpc {
class Service;
}

namespace mentat::pipeline {
class Stage;
}
namespace mentat::stage::v1 {
class Runlog;
class Status;
}  // namespace mentat::stage::v1

namespace mentat::service {

class AuditSink;
class Gate;
class Reloader;

// What the calls of StageAdmin do. Thread-safe: called from the server's threads.
class AdminHandler {
 public:
  virtual ~AdminHandler() = default;
  virtual void FillStatus(stage::v1::Status& status) const = 0;
  virtual absl::Status Pause() = 0;
  virtual absl::Status Resume() = 0;
  virtual absl::Status Drain() = 0;
  virtual Reloader& reloader() = 0;
  virtual pipeline::Stage* stage() const = 0;  // null without a pipeline
  // Of the whole process if `module` is empty. The level before.
  virtual absl::StatusOr<std::string> SetLogLevel(const std::string& level,
                                                  const std::string& module) = 0;
  virtual std::vector<ConfigEntry> Config() const = 0;
  virtual stage::v1::Runlog Runlog() const = 0;
};

struct AdminServerOptions {
  config::v1::ServiceConfig config;  // of it: admin_listen, tls
  std::shared_ptr<Gate> gate;        // decides who may call what
  AuditSink* audit = nullptr;        // outlives the server; null if the log is enough
  log::Logger log = log::Logger::Null();
};

// Thread-safe.
class AdminServer {
 public:
  // The handler and the services outlive the server. Until SetServing(true), health answers
  // NOT_SERVING. Every call that changes something is logged.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(
      const AdminServerOptions& options, AdminHandler& handler,
      const std::vector<grpc::Service*>& services);
  ~AdminServer();

  // host:port with the port in use.
  const std::string& address() const;

  // What the health service says of the whole and of StageAdmin. Of `liveness` it says SERVING as
  // long as it answers.
  void SetServing(bool serving);
  // Wakes those that watch the status.
  void NotifyChanged();

 private:
  struct Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ADMIN_SERVER_H_
