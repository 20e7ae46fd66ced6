// How many events passed a second, over the last ten seconds or so. Not thread-safe.
#ifndef COMMON_SERVICE_RATES_H_
#define COMMON_SERVICE_RATES_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "common/pipeline/stage.h"

namespace mentat::service {

class Rates {
 public:
  static constexpr absl::Duration kInterval = absl::Seconds(1);  // between two samples
  static constexpr absl::Duration kWindow = absl::Seconds(10);

  // Takes a sample, unless the last one is too young.
  void Add(absl::Time now, const pipeline::StageStatus& status);

  double received() const;
  double settled() const;
  // Settled by one peer of an output; 0 for one that is not known for long.
  double peer(const std::string& output, const std::string& endpoint) const;

  // Whether nothing was received for as long as samples reach, and that is long.
  bool idle() const;
  // Events received until the last sample.
  uint64_t last_received() const { return samples_.empty() ? 0 : samples_.back().received; }

 private:
  struct Sample {
    absl::Time time;
    uint64_t received = 0;
    uint64_t settled = 0;
    std::map<std::pair<std::string, std::string>, uint64_t> peers;
  };

  double PerSecond(uint64_t from, uint64_t to) const;

  std::deque<Sample> samples_;  // oldest first
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_RATES_H_
