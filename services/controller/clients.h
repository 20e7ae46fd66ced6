// Connections to the control planes of instances, one for each address.
#ifndef SERVICES_CONTROLLER_CLIENTS_H_
#define SERVICES_CONTROLLER_CLIENTS_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "common/base/mutex.h"
#include "common/service/access/admin_client.h"
#include "common/service/log.h"
#include "mentat/stage/v1/stage_admin.grpc.pb.h"

namespace mentat::controller {

// Thread-safe.
class Clients {
 public:
  using Stub = stage::v1::StageAdmin::Stub;

  Clients(std::unique_ptr<service::AdminClient> admin_client, log::Logger log)
      : admin_client_(std::move(admin_client)), log_(std::move(log)) {}

  // The client of the instance at host:port. Connects when it is used first, and again by itself.
  // All calls of one that must not be called (the log says why) fail.
  std::shared_ptr<Stub> Get(const std::string& address);
  // Forgets all others.
  void KeepOnly(const std::set<std::string>& addresses);

 private:
  std::shared_ptr<grpc::Channel> Connect(const std::string& address) const;

  const std::unique_ptr<service::AdminClient> admin_client_;
  const log::Logger log_;
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<Stub>> stubs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_CLIENTS_H_
