// Dead letters go through the pipeline again: a part of those that are meant is marked in the
// database, sent to the first stage, and settled in the database as its outcomes say; then the next
// part. So no more than one part is on its way at a time.
//
// When the controller dies in between, the marks tell which letters had been sent; Run resolves
// them by what the database says (common/store/dead_letter_replay.h).
#ifndef SERVICES_CONTROLLER_REPLAYS_H_
#define SERVICES_CONTROLLER_REPLAYS_H_

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "common/pipeline/stage.h"
#include "common/service/log.h"
#include "common/service/service.h"
#include "common/store/dead_letter_queries.h"
#include "common/store/dead_letter_replay.h"
#include "common/store/pool.h"
#include "grpcpp/grpcpp.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/streams.h"

namespace prometheus {
class Counter;
}

namespace mentat::controller {

// Thread-safe.
class Replays {
 public:
  // All outlive the object.
  Replays(store::Pool& pool, const service::Context& context, Streams& streams);

  // The call ReplayDeadLetters; `filter` is its selection.
  grpc::Status Replay(const grpc::ServerContext& context,
                      const v1::ReplayDeadLettersRequest& request,
                      const store::DeadLetterFilter& filter,
                      grpc::ServerWriter<v1::ReplayDeadLettersResponse>& writer);

  // Writes outcomes into the database and resolves marks, until `stop` is requested.
  void Run(const std::stop_token& stop);

 private:
  using Response = v1::ReplayDeadLettersResponse;
  // How far a call is; of the object's mutex.
  using Tally = std::shared_ptr<Response>;

  struct Flight {
    std::vector<store::ReplayLetter> letters;  // without their events
    Tally tally;
    std::optional<pipeline::Outcomes> outcomes;
  };

  struct Metrics {
    prometheus::Counter& stored;
    prometheus::Counter& duplicates;
    prometheus::Counter& dropped;
    prometheus::Counter& rejected;
    prometheus::Counter& skipped;
  };

  absl::Status Begin(const Tally& tally);
  // Sends the parts, one after the other, until all are settled, the limit is reached, the caller
  // has gone, or the pipeline settles nothing any more.
  absl::Status SendAll(const grpc::ServerContext& context, store::TakeOptions options,
                       uint32_t limit, const Tally& tally, grpc::ServerWriter<Response>& writer);
  absl::Status Send(std::vector<store::ReplayLetter> letters, const Tally& tally);
  // Waits until nothing is on its way, and tells how far it is; false if that is not to be.
  bool Await(const grpc::ServerContext& context, const Tally& tally,
             grpc::ServerWriter<Response>& writer);
  Response Now(const Tally& tally);

  // Whether the outcomes of the flight stand in the database, which may take more than one attempt.
  absl::Status Settle(const Flight& flight);
  void Count(const Flight& flight);
  void Resolve();

  store::Pool& pool_;
  const service::Context& context_;
  Streams& streams_;
  const log::Logger log_;
  Metrics metrics_;
  Mutex mutex_;
  CondVar changed_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<Flight> flight_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_REPLAYS_H_
