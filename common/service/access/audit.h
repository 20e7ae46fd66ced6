// The record of what was changed by calls of the control plane: by whom, from where, with what
// result. A line of the log for each, and a sink for who keeps them.
#ifndef COMMON_SERVICE_ACCESS_AUDIT_H_
#define COMMON_SERVICE_ACCESS_AUDIT_H_

#include <memory>
#include <string>
#include <vector>

#include "common/service/access/gate.h"
#include "common/service/log.h"
#include "grpcpp/support/server_interceptor.h"
#include "mentat/controller/v1/controller.pb.h"

namespace mentat::service {

// Thread-safe.
class AuditSink {
 public:
  virtual ~AuditSink() = default;
  virtual void Write(const controller::v1::AuditRecord& record) = 0;
};

// For a server: writes a record for each call, when it ends, that RuleOf() says changes something.
// Bytes in requests (files) are left out of the record, long requests shortened. `sink` may be
// null, and outlives the server.
std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
MakeAuditInterceptors(std::shared_ptr<Gate> gate, log::Logger log, AuditSink* sink);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_AUDIT_H_
