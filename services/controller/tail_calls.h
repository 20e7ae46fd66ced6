// Events that pass any of the selected instances, as they come.
#ifndef SERVICES_CONTROLLER_TAIL_CALLS_H_
#define SERVICES_CONTROLLER_TAIL_CALLS_H_

#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/clients.h"
#include "services/controller/poller.h"
#include "services/controller/streams.h"

namespace mentat::controller {

// As the service Controller has them. Thread-safe.
class TailCalls {
 public:
  // All outlive the object.
  TailCalls(Poller& poller, Clients& clients, Streams& streams)
      : poller_(poller), clients_(clients), streams_(streams) {}

  // Ends when all instances have ended, after the limit, or when the reader has gone. A slow reader
  // slows nobody: the instances skip what there is no room for.
  grpc::Status TailEvents(const grpc::ServerContext& context, const v1::TailEventsRequest& request,
                          grpc::ServerWriter<v1::TailEventsResponse>& writer);

 private:
  Poller& poller_;
  Clients& clients_;
  Streams& streams_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_TAIL_CALLS_H_
