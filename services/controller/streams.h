// The open streams of the controller: each holds a thread of the server, so there are only so many.
#ifndef SERVICES_CONTROLLER_STREAMS_H_
#define SERVICES_CONTROLLER_STREAMS_H_

#include <memory>
#include <optional>
#include <stop_token>

#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "grpcpp/grpcpp.h"

namespace mentat::controller {

// Thread-safe.
class Streams {
 public:
  // Gives back what Enter gave when it goes. The object outlives it.
  class Leave {
   public:
    void operator()(Streams* streams) const;
  };
  using Place = std::unique_ptr<Streams, Leave>;

  // A place for one stream; nothing if all are taken.
  std::optional<Place> Enter();
  static grpc::Status TooMany();
  // Whether the stream still has a reader at that time (of SteadyNow), and the controller is not
  // ending.
  bool WaitUntil(absl::Duration time, const grpc::ServerContext& context) const;
  bool Ended(const grpc::ServerContext& context) const;
  // Whether the controller is ending.
  bool stopping() const { return stop_.stop_requested(); }
  // Ends all of them.
  void Stop() { stop_.request_stop(); }

 private:
  std::stop_source stop_;
  Mutex mutex_;
  int taken_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_STREAMS_H_
