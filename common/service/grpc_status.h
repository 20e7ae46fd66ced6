// A status as gRPC carries it. Stateless, thread-safe.
#ifndef COMMON_SERVICE_GRPC_STATUS_H_
#define COMMON_SERVICE_GRPC_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"

namespace mentat::service {

// Clients take 8 KiB of trailers in all, in which each byte that is not printable ASCII becomes
// three; of an answer with more they show nothing but that it was too large. So a longer message is
// cut.
inline constexpr size_t kMaxGrpcMessageBytes = 2000;
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_GRPC_STATUS_H_
