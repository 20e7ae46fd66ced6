// The names of files to take, from three places: notices of what has just come into incoming, the
// listing of what waits there, and pending, where a dead instance may have left some.
//
// Notices and listing take turns, so that what has just come need not wait for a backlog of a
// million, nor the backlog for an endless stream. A name may turn up twice, or be gone when it is
// reached for. Only Wake is thread-safe.
#ifndef SERVICES_FILER_GATEWAY_ARRIVALS_H_
#define SERVICES_FILER_GATEWAY_ARRIVALS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/service/log.h"
#include "services/filer_gateway/queue.h"
#include "services/filer_gateway/scanner.h"
#include "services/filer_gateway/watch.h"

namespace mentat::filer {

struct Arrival {
  std::string name;
  bool pending = false;  // lies in pending, not in incoming
};

class Arrivals {
 public:
  struct Options {
    absl::Duration rescan = absl::Seconds(10);
    size_t chunk = 16384;  // names held at the most, of either kind
    log::Logger log = log::Logger::Null();
  };

  // `queue` outlives it. Where the system gives no notices, all is found by listing every second.
  static absl::StatusOr<std::unique_ptr<Arrivals>> Open(const Queue& queue, Options options);

  // The next name; none when there is nothing for now.
  absl::StatusOr<std::optional<Arrival>> Next();

  // Until Next may have something, Wake is called, or the time for a rescan has come.
  void Wait();
  void Wake() const { watch_.Wake(); }

  // Looks through everything again as soon as what is known has been given out.
  void Rescan() { rescan_at_ = Clock::now(); }

  // Times the listing of incoming has begun, and notices were lost.
  uint64_t scans() const { return scans_; }
  uint64_t overflows() const { return overflows_; }

 private:
  using Clock = std::chrono::steady_clock;

  Arrivals(const Queue& queue, Options options, Watch watch);

  void ReadNotices();
  absl::Status ListMore();

  const Queue& queue_;
  const Options options_;
  Watch watch_;
  Scanner incoming_;
  Scanner pending_;
  std::deque<std::string> noticed_;
  std::deque<Arrival> listed_;
  Clock::time_point rescan_at_ = Clock::now();
  bool turn_ = false;         // whether a listed name is next
  size_t since_notices_ = 0;  // names given out since notices were read
  uint64_t scans_ = 0;
  uint64_t overflows_ = 0;
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_ARRIVALS_H_
