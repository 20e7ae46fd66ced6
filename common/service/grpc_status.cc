#include "common/service/grpc_status.h"

#include <string>
#include <string_view>

#include "common/base/utf8.h"

namespace mentat::service {

grpc::Status ToGrpc(const absl::Status& status) {
  const std::string_view message(status.message().data(), status.message().size());
  std::string cut(Utf8Prefix(message, kMaxGrpcMessageBytes));
  if (cut.size() < message.size()) cut += "…";
  return {static_cast<grpc::StatusCode>(status.code()), cut};
}

}  // namespace mentat::service
